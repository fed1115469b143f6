#!/usr/bin/env python3
"""Records what an anvil node answers of a few blocks full of calls, and the balances it states.

    calls-record.py NODE_MODULES OUT_FOLDER

NODE_MODULES is a folder where `npm install @foundry-rs/anvil solc` put its modules. Writes
calls-<fork>.json.zst for prague (EIP-6780 in force), for shanghai (not) and for istanbul
(no base fee either). See README.md.
"""

import json
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

COMPILE = """
const solc = require('solc');
const input = {language: 'Solidity', sources: {'c.sol': {content:
    require('fs').readFileSync(process.argv[1], 'utf8')}},
    settings: {evmVersion: 'istanbul', optimizer: {enabled: true},
    outputSelection: {'*': {'*': ['evm.bytecode.object', 'evm.methodIdentifiers']}}}};
const out = JSON.parse(solc.compile(JSON.stringify(input)));
for (const e of out.errors || []) if (e.severity === 'error') console.error(e.formattedMessage);
console.log(JSON.stringify(out.contracts['c.sol']));
"""

ETHER = 10**18
# Not looked at by anybody here, and most of the bytes.
LEFT_OUT = ("logsBloom", "input", "output", "init", "code", "raw")


class Node:
    def __init__(self, anvil, fork):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        args = [anvil, "--port", str(self.port), "--silent", "--order", "fifo", "--no-mining"]
        args += ["--timestamp", "1750000000", "--hardfork", fork]
        self.process = subprocess.Popen(args)
        for _ in range(100):
            try:
                self.accounts = self.call("eth_accounts")
                return
            except OSError:
                time.sleep(0.1)
        raise SystemExit("anvil does not start")

    def call(self, method, *params):
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}",
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request) as answer:
            got = json.load(answer)
        if "error" in got:
            raise SystemExit(f"{method}: {got['error']}")
        return got["result"]

    def mine(self):
        self.call("evm_mine")
        return int(self.call("eth_blockNumber"), 16)


def word(value):
    if isinstance(value, str):
        return value[2:].rjust(64, "0")
    return f"{int(value):064x}"


class Story:
    """The transactions, one block after the other."""

    def __init__(self, node, contracts, legacy):
        self.node, self.contracts, self.legacy = node, contracts, legacy
        self.count = 0

    def send(self, to=None, value=0, data="0x", gas=3_000_000, sender=0):
        self.count += 1
        tx = {"from": self.node.accounts[sender], "value": hex(value), "gas": hex(gas), "data": data}
        if to is not None:
            tx["to"] = to
        if self.legacy or self.count % 3 == 0:
            tx["gasPrice"] = hex(3_000_000_007 + self.count)
        else:
            tx["maxFeePerGas"] = hex(5_000_000_011)
            tx["maxPriorityFeePerGas"] = hex(1_000_000_003 + self.count)
        return self.node.call("eth_sendTransaction", tx)

    def create(self, name, ok, value=0, sender=0):
        code = self.contracts[name]["evm"]["bytecode"]["object"]
        return self.send(None, value, "0x" + code + word(ok), sender=sender)

    def run(self, to, what, *args, value=0, **more):
        names = self.contracts["Wallet"]["evm"]["methodIdentifiers"]
        names = names | self.contracts["Pit"]["evm"]["methodIdentifiers"]
        (found,) = [v for k, v in names.items() if k.startswith(what + "(")]
        self.send(to, value, "0x" + found + "".join(map(word, args)), **more)

    def made(self, tx):
        return self.node.call("eth_getTransactionReceipt", tx)["contractAddress"]

    def tell(self):
        node, a = self.node, self.node.accounts
        fresh = [f"0x{i:040x}" for i in range(0xAA0001, 0xAA0009)]
        node.call("anvil_setCoinbase", "0x" + "c0" * 20)
        w1 = self.create("Wallet", True, 5 * ETHER)
        w2 = self.create("Wallet", True)
        self.create("Wallet", False, ETHER)
        pits = [self.create("Pit", True, ETHER + i, sender=1) for i in range(4)]
        node.mine()
        w1, w2 = self.made(w1), self.made(w2)
        pits = [self.made(p) for p in pits]
        self.send(a[2], ETHER)
        self.send(a[0], 7)  # to itself
        self.send("0x" + "00" * 20, 3)
        self.send(w1, 11, gas=21_001)  # out of gas
        self.run(w1, "split", fresh[0], fresh[1], value=1000)
        self.run(w1, "payAndFail", fresh[0], value=1000, sender=2)
        self.run(w1, "forward", w2, fresh[2], value=1001, sender=3)
        self.run(w1, "burnGas", value=5, gas=60_000)
        node.mine()
        self.run(w1, "deep", 9, fresh[3], value=500)
        self.run(w1, "borrowed", w2, fresh[4], fresh[5], value=ETHER)
        self.run(w1, "make", 1, True, value=4444)
        self.run(w1, "make", 5, False, value=4444)
        self.run(w1, "tipMiner", value=99)
        node.mine()
        self.run(pits[0], "end", fresh[6], value=13)
        self.run(pits[1], "end", pits[1], value=17)  # to itself
        self.run(pits[3], "end", pits[3])
        self.run(w1, "endUndone", pits[2], fresh[6], value=1)
        self.run(w1, "makeAndEnd", fresh[6], False, False, value=400)
        self.run(w1, "makeAndEnd", fresh[6], True, False, value=404)
        self.run(w1, "makeAndEnd", fresh[6], False, True, value=408)
        self.run(w1, "makeAndEnd", fresh[7], True, True, value=412)
        node.mine()
        self.send(pits[0], 21)
        self.send(pits[1], 22)
        node.mine()
        node.mine()  # an empty block


def without(value):
    if isinstance(value, dict):
        return {k: without(v) for k, v in value.items() if k not in LEFT_OUT}
    return [without(v) for v in value] if isinstance(value, list) else value


def addresses_in(value, found):
    if isinstance(value, dict):
        for v in value.values():
            addresses_in(v, found)
    elif isinstance(value, list):
        for v in value:
            addresses_in(v, found)
    elif isinstance(value, str) and len(value) == 42 and value.startswith("0x"):
        found.add(value.lower())


def record(node, contracts, legacy):
    Story(node, contracts, legacy).tell()
    blocks = []
    for height in range(1, int(node.call("eth_blockNumber"), 16) + 1):
        h = hex(height)
        tracer = {"tracer": "callTracer"}
        blocks.append(
            {
                "block": node.call("eth_getBlockByNumber", h, True),
                "receipts": node.call("eth_getBlockReceipts", h),
                "calls": node.call("debug_traceBlockByNumber", h, tracer),
                "parity": node.call("trace_block", h),
            }
        )
    found = set(a.lower() for a in node.accounts)
    addresses_in(blocks, found)
    for i, b in enumerate(blocks):
        b["balances"] = {a: node.call("eth_getBalance", a, hex(i + 1)) for a in sorted(found)}
    opening = {a: node.call("eth_getBalance", a, "0x0") for a in sorted(found)}
    return {"opening": opening, "blocks": without(blocks)}


def main():
    modules, out = Path(sys.argv[1]).resolve(), Path(sys.argv[2])
    source = Path(__file__).resolve().parent / "calls-contracts.sol"
    compiled = subprocess.run(
        ["node", "-e", COMPILE, str(source)], cwd=modules.parent, stdout=subprocess.PIPE, check=True
    )
    contracts = json.loads(compiled.stdout)
    for fork in ("prague", "shanghai", "istanbul"):
        node = Node(str(modules / ".bin" / "anvil"), fork)
        try:
            got = record(node, contracts, fork == "istanbul")
        finally:
            node.process.terminate()
            node.process.wait()
        text = json.dumps(got, separators=(",", ":"))
        path = out / f"calls-{fork}.json"
        path.write_text(text)
        subprocess.run(["zstd", "-q", "-19", "-f", "--rm", str(path)], check=True)
        print(path, len(text))


main()
