// Compiles every contract of this folder into contracts.json (see ../README.md):
//   npm install solc@0.8.37 && node compile.js
// Settings are chosen so that the same source gives the same bytes: no hash of the sources in it.
const fs = require('fs');
const path = require('path');
const solc = require('solc');

const sources = {};
for (const name of fs.readdirSync(__dirname).filter((n) => n.endsWith('.sol')).sort())
	sources[name] = { content: fs.readFileSync(path.join(__dirname, name), 'utf8') };
const output = JSON.parse(solc.compile(JSON.stringify({
	language: 'Solidity',
	sources,
	settings: {
		optimizer: { enabled: true, runs: 200 },
		evmVersion: 'cancun',
		metadata: { bytecodeHash: 'none', appendCBOR: false },
		outputSelection: { '*': { '*': [
			'abi', 'evm.bytecode.object', 'evm.deployedBytecode.object',
			'evm.methodIdentifiers'] } },
	},
})));
const errors = (output.errors || []).filter((e) => e.severity === 'error');
if (errors.length > 0) {
	console.error(errors.map((e) => e.formattedMessage).join('\n'));
	process.exit(1);
}
const lines = (hex) => hex.match(/.{1,80}/g); // so that a person can look at the file
const contracts = {};
for (const file of Object.keys(output.contracts).sort())
	for (const [name, made] of Object.entries(output.contracts[file])) {
		if (made.evm.bytecode.object === '') continue; // an interface
		contracts[name] = {
			source: file,
			abi: made.abi,
			methods: made.evm.methodIdentifiers,
			bytecode: lines(made.evm.bytecode.object),
			runtime: lines(made.evm.deployedBytecode.object),
		};
	}
fs.writeFileSync(path.join(__dirname, 'contracts.json'), JSON.stringify({
	compiler: solc.version(), contracts }, null, 1) + '\n');
