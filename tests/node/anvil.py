"""An Ethereum of our own: anvil, one eventful chain on it, and what others would export of it.

What it is. `Anvil` starts the node; `build` makes a chain of about sixty blocks on it that holds
every way in which ether and tokens move, well and badly, and a theft; `export` writes that chain as
ethereum-etl does. The same program makes the same chain, hash for hash: the genesis, the accounts,
the clock and the order of transactions are all fixed, so a node that was killed can be made again.

The node says that it is Ethereum (chain id 1), and the genesis has the code of a token and of
wrapped ether at the addresses of USDT and WETH, so that listed assets move.

Sources: anvil's book (its own methods: anvil_*, evm_*); the Ethereum JSON-RPC specification; for
the export ethereum-etl's ethereumetl/jobs/exporters (columns) and ethereumetl/mappers (values).
"""
import csv
import hashlib
import json
import os

import nodes
import wallet

ETHER = 10 ** 18
GWEI = 10 ** 9
DOLLAR = 10 ** 6  # USDT has six decimals
MNEMONIC = "test test test test test test test test test test test junk"
GENESIS_TIME = 1_700_000_000
BLOCK_SECONDS = 12
USDT = "0xdac17f958d2ee523a2206206994597c13d831ec7"
WETH = "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2"
NOBODY = "0x" + "00" * 20

# Who has what when the chain begins, in ether. The thief's wallets have nothing, but for one: its
# own money leaves it first, which only those know who asked for its balance.
WALLETS = {
    "bank": 1_000_000, "victim": 1000, "thief": 0,
    "w1": 0, "w2": 0, "w3": 7, "w4": 0, "w5": 0, "w6": 0,
    "ann": 5000, "bob": 5000, "cid": 300, "eve": 100, "max": 50,
}
# These only receive.
OTHERS = ("service", "miner", "heir", "payee", "passer", "second payee")

TRANSFER = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"

with open(os.path.join(nodes.HERE, "contracts", "contracts.json"), encoding="utf-8") as file:
    CONTRACTS = json.load(file)["contracts"]
for made in CONTRACTS.values():
    for part in ("bytecode", "runtime"):
        made[part] = "".join(made[part])  # it stands there in lines


def made_up(name):
    """An address whose key nobody has."""
    return "0x" + hashlib.sha256(b"dyepack " + name.encode()).hexdigest()[:40]


def word(value):
    """One argument that takes one word, as hex."""
    if isinstance(value, bool):
        value = int(value)
    if isinstance(value, int):
        return "%064x" % value
    return value[2:].lower().rjust(64, "0")


def arguments(*values):
    """ABI encoding of words, of lists of words, and of bytes and strings (as bytes)."""
    head, tail = "", ""
    for value in values:
        if isinstance(value, (list, tuple)):
            head += word(32 * len(values) + len(tail) // 2)
            tail += word(len(value)) + "".join(word(v) for v in value)
        elif isinstance(value, bytes):
            head += word(32 * len(values) + len(tail) // 2)
            tail += word(len(value)) + (value + b"\0" * (-len(value) % 32)).hex()
        else:
            head += word(value)
    return head + tail


def call_data(contract, method, *values):
    """`method` by its name; names are unique within our contracts."""
    selectors = [s for sign, s in CONTRACTS[contract]["methods"].items()
                 if sign.split("(")[0] == method]
    assert len(selectors) == 1, (contract, method)
    return "0x" + selectors[0] + arguments(*values)


class Anvil(nodes.Node):
    """The node; mines only when told to."""
    name = "anvil"
    code = {USDT: "Token", WETH: "Wrapped"}  # what stands at which address from the beginning
    time = GENESIS_TIME

    def __init__(self, port=None, chain_id=1):
        super().__init__(port)
        self.chain_id = chain_id

    def command(self):
        return [self.program, "--port", str(self.port), "--chain-id", str(self.chain_id),
                "--init", self.genesis(), "--timestamp", str(self.time),
                "--hardfork", "prague", "--mnemonic", MNEMONIC,
                "--accounts", str(len(WALLETS)), "--balance", "0", "--no-mining", "--quiet",
                "--order", "fifo",
                "--disable-default-create2-deployer", "--block-base-fee-per-gas", str(GWEI),
                "--cache-path", self.folder]

    def genesis(self):
        """The file of what is there in the beginning. The accounts are those of the mnemonic:
        every development node has them, so they can be written down."""
        alloc = {address: {"balance": hex(WALLETS[name] * ETHER)}
                 for name, address in zip(WALLETS, MNEMONIC_ACCOUNTS)}
        for address, contract in self.code.items():
            alloc[address] = {"balance": "0x0", "code": "0x" + CONTRACTS[contract]["runtime"]}
        path = os.path.join(self.folder, "genesis.json")
        with open(path, "w", encoding="utf-8") as out:
            json.dump({"config": {"chainId": self.chain_id}, "timestamp": hex(self.time),
                       "difficulty": "0x0", "gasLimit": hex(30_000_000), "nonce": "0x0",
                       "extraData": "0x", "coinbase": NOBODY, "mixHash": "0x" + "00" * 32,
                       "baseFeePerGas": hex(GWEI), "alloc": alloc}, out)
        return path

    def alive(self):
        self.call("eth_chainId")

    def height(self):
        return int(self.call("eth_blockNumber"), 16)

    def block(self, height, full=True):
        return self.call("eth_getBlockByNumber", hex(height), full)

    def balance(self, address, height=None):
        return int(self.call("eth_getBalance", address,
                             "latest" if height is None else hex(height)), 16)

    def token_balance(self, token, address):
        data = call_data("Token", "balanceOf", address)
        return int(self.call("eth_call", {"to": token, "data": data}, "latest"), 16)


# What MNEMONIC gives, in the order of WALLETS; `build` compares with the node's own list.
MNEMONIC_ACCOUNTS = """
0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266 0x70997970c51812dc3a010c7d01b50e0d17dc79c8
0x3c44cdddb6a900fa2b585dd299e03d12fa4293bc 0x90f79bf6eb2c4f870365e785982e1f101e93b906
0x15d34aaf54267db7d7c367839aaf71a00a2c6a65 0x9965507d1a55bcc2695c58ba16fb37d819b0a4dc
0x976ea74026e726554db657fa54763abd0c3a0aa9 0x14dc79964da2c08b23698b3d3cc7ca32193d9955
0x23618e81e3f5cdf7f54c3d65f7fbc0abf5b21e8f 0xa0ee7a142d267c1f36714e4a8f75612f20a79720
0xbcd4042de499d14e55001ccbb24a551f3b954096 0x71be63f3384f5fb98995898a86b02fb2426c5788
0xfabb0ac9d68b0b445fb7357272ff202c5651694a 0x1cbd3b2770909d4e10f157cabc84c7264073c9ec
""".split()


class Chain:
    """The chain being made, and afterwards what is worth knowing of it.

    `at`      name -> address        `tx`      name -> hash, of transactions that matter
    `failed`  names of transactions that must fail; `build` checks each
    """

    def __init__(self, node):
        self.node = node
        self.at = dict(zip(WALLETS, MNEMONIC_ACCOUNTS))
        self.at.update({name: made_up(name) for name in OTHERS})
        self.at.update({"usdt": USDT, "weth": WETH})
        self.tx, self.failed, self.waiting = {}, set(), []
        self.tip = 0

    def send(self, sender, to=None, value=0, data="0x", kind=2, name=None, fails=False,
             gas=1_000_000, **more):
        """Hands a transaction to the node; it waits there for `mine`, in order of arrival. No two
        of a block pay the same for gas."""
        self.tip += 1000
        tip = GWEI + self.tip
        tx = {"from": self.at[sender], "value": hex(value), "gas": hex(gas), "data": data,
              "type": hex(kind), **more}
        if to is not None:
            tx["to"] = self.at.get(to, to)
        if kind < 2:
            tx["gasPrice"] = hex(10 * GWEI + tip)
        else:
            tx.update(maxFeePerGas=hex(50 * GWEI), maxPriorityFeePerGas=hex(tip))
        if kind == 1:
            tx["accessList"] = [{"address": self.at["usdt"], "storageKeys": ["0x" + "00" * 32]}]
        sent = self.node.call("eth_sendTransaction", tx)
        self.waiting.append((sent, fails, name))
        if name:
            self.tx[name] = sent
        return sent

    def invoke(self, sender, contract, method, *values, to=None, value=0, **more):
        """Calls a method of one of our contracts, at the address of `to` or of the same name."""
        where = to or contract.lower()
        values = [[self.at.get(v, v) for v in a] if isinstance(a, list)
                  else self.at.get(a, a) if isinstance(a, str) else a for a in values]
        return self.send(sender, where, value, call_data(contract, method, *values), **more)

    def create(self, sender, contract, *values, name=None, value=0, **more):
        values = [self.at.get(v, v) for v in values]
        code = "0x" + CONTRACTS[contract]["bytecode"] + arguments(*values)
        return self.send(sender, None, value, code, name="made " + (name or contract.lower()),
                         gas=3_000_000, **more)

    def mine(self):
        """One block of all that waits. Every transaction must have come out as was foretold."""
        self.node.call("evm_mine")
        height = self.node.height()
        receipts = {r["transactionHash"]: r for r in
                    self.node.call("eth_getBlockReceipts", hex(height))}
        for sent, fails, name in self.waiting:
            receipt = receipts.pop(sent)
            assert (receipt["status"] == "0x0") == fails, (name, receipt)
            if name and name.startswith("made ") and not fails:
                self.at[name[5:]] = receipt["contractAddress"]
            for log in receipt["logs"]:
                if len(log["topics"]) == 1 and name:  # the factory's Made: an address
                    self.at["of " + name] = "0x" + log["data"][26:66]
        assert not receipts
        self.waiting, self.tip = [], 0
        return height


def build(node, with_blob=False):
    """Makes the whole chain on a fresh node. Each step is one block or a few. `with_blob`: one more
    block, which proves nothing of itself: see `blobs`."""
    chain = Chain(node)
    assert node.call("eth_accounts") == MNEMONIC_ACCOUNTS
    node.call("anvil_setBlockTimestampInterval", BLOCK_SECONDS)
    node.call("anvil_setCoinbase", chain.at["miner"])
    for step in (contracts, market, plain, theft, split, decoys, swaps, forwards, factories,
                 endings, borrowed, delegated, crowd, failures, cash_out):
        step(chain)
    if with_blob:
        blobs(chain)
    return chain


def contracts(c):
    """Everything that is called later. Some contracts have ether from their birth."""
    c.create("bank", "Splitter")
    c.create("bank", "Forwarder")
    c.create("bank", "Breaker", "passer")
    c.create("bank", "Library")
    c.create("bank", "Borrower")
    c.create("bank", "Factory")
    c.create("bank", "Refuser")
    c.create("bank", "Mortal", value=3 * ETHER)
    c.create("bank", "Mortal", name="mortal2", value=4 * ETHER)
    c.mine()
    c.create("bank", "Pool", "usdt", "weth")
    c.create("bank", "Router", "weth")
    c.create("eve", "Token", name="lookalike")
    c.create("eve", "LyingToken", name="liar")
    c.create("eve", "Pictures")
    c.mine()


def market(c):
    """Dollars are minted, ether is wrapped, the pool is filled; a creation fails with its ether."""
    c.invoke("bank", "Token", "mint", "bank", 10_000_000 * DOLLAR, to="usdt")
    c.invoke("bank", "Token", "mint", "victim", 400_000 * DOLLAR, to="usdt")
    c.invoke("bank", "Token", "mint", "ann", 50_000 * DOLLAR, to="usdt")
    c.invoke("bank", "Wrapped", "deposit", to="weth", value=5000 * ETHER)
    c.send("cid", "weth", 10 * ETHER)  # without a method: the wrapper's receive()
    c.create("eve", "Stillborn", value=2 * ETHER, fails=True)
    c.mine()
    c.invoke("bank", "Token", "transfer", "pool", 9_000_000 * DOLLAR, to="usdt")
    c.invoke("bank", "Wrapped", "transfer", "pool", 4500 * ETHER, to="weth")
    c.invoke("ann", "Token", "burn", 1000 * DOLLAR, to="usdt")
    c.invoke("cid", "Wrapped", "withdraw", 4 * ETHER, to="weth")
    c.mine()


def plain(c):
    """Payments of every type; of nothing, to oneself, to nobody; an empty block; a block whose
    producer is one who pays in it."""
    c.send("ann", "bob", 5 * ETHER, kind=0)
    c.send("ann", "cid", 6 * ETHER, kind=1)
    c.send("ann", "eve", 7 * ETHER, kind=2)
    c.send("bob", "ann", 0)
    c.send("bob", "bob", 3 * ETHER)
    c.send("bob", NOBODY, 1 * ETHER)
    c.send("bob", "payee", 1)
    c.mine()
    c.mine()
    c.node.call("anvil_setCoinbase", c.at["ann"])
    c.send("ann", "payee", 1 * ETHER)
    c.send("bob", "ann", 1 * ETHER)
    c.mine()
    c.node.call("anvil_setCoinbase", c.at["miner"])


def theft(c):
    """400 ether and 250,000 dollars leave the victim."""
    c.send("victim", "thief", 400 * ETHER, name="theft")
    c.invoke("victim", "Token", "transfer", "thief", 250_000 * DOLLAR, to="usdt",
             name="theft of dollars")
    c.mine()


def split(c):
    """Over five wallets, through a contract; to the sixth by hand."""
    parts = [60 * ETHER, 70 * ETHER, 50 * ETHER, 40 * ETHER]
    c.invoke("thief", "Splitter", "split", ["w1", "w2", "w3", "w4", "w5"], parts,
             value=250 * ETHER, name="split")
    c.mine()
    c.send("thief", "w6", 100 * ETHER)
    c.invoke("thief", "Token", "transfer", "w4", 150_000 * DOLLAR, to="usdt")
    c.mine()


def decoys(c):
    """What looks like money and is none."""
    fake = c.at["w1"][:8] + made_up("fake w1")[8:36] + c.at["w1"][36:]
    c.invoke("eve", "Token", "mint", "eve", 10 ** 30, to="lookalike")
    c.invoke("eve", "Token", "transfer", "w1", 60 * ETHER, to="lookalike")
    c.invoke("eve", "LyingToken", "say", "w1", fake, 60 * ETHER, to="liar")
    c.invoke("eve", "Token", "transferFrom", "w1", fake, 0, to="usdt")
    c.invoke("eve", "Token", "transfer", "w2", 0, to="usdt")
    c.invoke("eve", "Pictures", "give", "w2", 721)
    c.send("eve", "w1", 1)
    c.mine()


def swaps(c):
    """Through router and pool: ether for dollars, dollars for ether, and by way of wrapping."""
    c.invoke("w1", "Router", "etherForTokens", "pool", "w1", value=30 * ETHER, name="swap")
    c.invoke("w4", "Token", "approve", "router", 10 ** 18, to="usdt")
    c.mine()
    c.invoke("w4", "Router", "tokensForEther", "pool", "usdt", 100_000 * DOLLAR, "w5")
    c.invoke("w2", "Wrapped", "deposit", to="weth", value=40 * ETHER)
    c.mine()
    c.invoke("w2", "Wrapped", "transfer", "w6", 25 * ETHER, to="weth")
    c.invoke("w2", "Wrapped", "approve", "router", 10 ** 24, to="weth")
    c.mine()
    c.invoke("w6", "Wrapped", "withdraw", 20 * ETHER, to="weth")
    c.invoke("w2", "Router", "tokensForTokens", "pool", "weth", 10 * ETHER, "w2")
    c.mine()


def forwards(c):
    """Calls that fail inside ones that do not, and the other way about."""
    c.invoke("w3", "Forwarder", "halfway", "payee", "breaker", "second payee", value=10 * ETHER + 1,
             name="halfway")
    c.mine()
    c.invoke("ann", "Forwarder", "nested", "payee", "second payee", value=8 * ETHER, name="nested")
    c.invoke("w5", "Forwarder", "never", "payee", "second payee", value=5 * ETHER, fails=True,
             name="never")
    c.invoke("bob", "Forwarder", "forever", "payee", value=2 * ETHER, fails=True, gas=200_000)
    c.mine()


def factories(c):
    """Contracts made by contracts, with ether, some of which are gone when the block is over."""
    def salt(n):
        return "0x%064x" % n
    c.invoke("ann", "Factory", "make", salt(1), value=2 * ETHER, name="child")
    c.invoke("ann", "Factory", "makePlain", value=1 * ETHER, name="plain child")
    c.mine()
    c.invoke("w6", "Factory", "flash", salt(2), "heir", value=3 * ETHER, name="flash")
    c.invoke("bob", "Factory", "burn", salt(3), value=5 * ETHER, name="burn")
    c.invoke("bob", "Factory", "late", salt(4), "heir", value=6 * ETHER, name="late")
    c.invoke("bob", "Factory", "tries", "payee", value=1 * ETHER, name="tries")
    c.mine()
    # The same salt again: the address is taken, so the creation and the whole call fail.
    c.invoke("bob", "Factory", "make", salt(1), value=1 * ETHER, fails=True)
    c.mine()


def endings(c):
    """Contracts that end after the transaction that made them: the heir gets all; one that names
    itself keeps it."""
    c.invoke("bob", "Mortal", "end", "heir", name="end")
    c.invoke("bob", "Mortal", "end", "mortal2", to="mortal2", name="end for itself")
    c.invoke("bob", "Mortal", "end", "refuser", to="of child", name="end for a refuser")
    c.mine()
    c.send("bob", "mortal", 1 * ETHER)  # its code is still there, and takes it
    c.invoke("bob", "Mortal", "end", "heir", name="end again")
    c.mine()


def borrowed(c):
    """Ether spent through code of others; values that move nothing stand in the trace."""
    c.send("bank", "borrower", 20 * ETHER)
    c.mine()
    c.invoke("cid", "Borrower", "borrowed", "library", "payee", 3 * ETHER, value=1 * ETHER)
    c.invoke("cid", "Borrower", "oldWay", "library", "payee", 2 * ETHER)
    c.mine()


def delegated(c):
    """An account of a person that runs the code of the splitter (EIP-7702): what is paid to it goes
    on at once. Thieves have such accounts empty themselves. The payment that brings the code comes
    back, for the splitter takes no bare ether; the code stays."""
    key = wallet.Key("an account with code")
    c.at["with code"] = wallet.ethereum_address(key)
    c.send("ann", "with code", 1 * ETHER, kind=4, name="delegation", authorizationList=[
        wallet.authorization(key, c.node.chain_id, c.at["splitter"])], fails=True)
    c.mine()
    c.invoke("w1", "Splitter", "split", ["w2", "w3"], [2 * ETHER], to="with code",
             value=3 * ETHER, name="paid on by an account")
    c.mine()


def crowd(c):
    """Many in one block; among them a chain of stolen money through three wallets within it."""
    for i in range(20):
        c.send("ann", "bob", 1000 + i, kind=i % 3)
        c.invoke("ann", "Token", "transfer", "bob", 7 + i, to="usdt")
    c.send("w4", "w5", 30 * ETHER)
    c.send("w5", "w6", 35 * ETHER)
    c.send("w6", "service", 50 * ETHER, name="chain in a block")
    for i in range(20):
        c.send("bob", made_up("crowd %d" % i), i)
    c.mine()


def failures(c):
    """They move nothing and cost their fee."""
    c.send("ann", "refuser", 1 * ETHER, fails=True)
    c.send("ann", "service", 1 * ETHER, data="0x00", fails=False)
    c.invoke("cid", "Token", "transfer", "ann", 10 ** 12, to="usdt", fails=True)
    c.send("ann", "usdt", 0, data="0x01020304", fails=True)
    c.send("w2", "forwarder", 1 * ETHER, gas=21_001, fails=True)
    c.mine()


def blobs(c):
    """A transaction with a blob, which has a fee of its own, all of it burnt. The blob is all
    zeros, so commitment and proof are the point at infinity and the hash is known. anvil 1.7.1
    makes the root of such a block's transactions from what travels between nodes, blobs and all,
    and not from what EIP-4844 puts into blocks: so the root is one that no other node would say.
    """
    point = "0xc0" + "00" * 47
    c.send("max", "payee", 1 * ETHER, kind=3, gas=21_000, name="blob",
           maxFeePerBlobGas=hex(10 * GWEI), blobs=["0x" + "00" * 131072], commitments=[point],
           proofs=[point], blobVersionedHashes=[
               "0x010657f37554c781402a22917dee2f75def7ab966d7b770905398eba3c444014"])
    c.mine()


def cash_out(c):
    """About half of what was stolen arrives at a service, block by block, among other people's
    payments."""
    plan = [("w1", 25), ("w2", 20), ("w6", 60), ("w3", 40), ("thief", 15), ("w5", 10), ("w2", 5)]
    for i in range(28):
        c.send("ann", "bob", ETHER + i)
        if i % 4 == 1 and i // 4 < len(plan):
            who, amount = plan[i // 4]
            c.send(who, "service", amount * ETHER)
        if i % 5 == 2:
            c.invoke("bob", "Token", "transfer", "service", 3 + i, to="usdt")
        if i % 7 == 3:
            c.invoke("w1", "Token", "transfer", "service", 1000 * DOLLAR, to="usdt")
        c.send("bob", "cid", i)
        c.mine()


def balances_by_node(node, addresses, height=None):
    return {a: node.balance(a, height) for a in addresses}


# ------------------------------------------------------------------------ as ethereum-etl writes


BLOCK_COLUMNS = ("number hash parent_hash nonce sha3_uncles logs_bloom transactions_root "
                 "state_root receipts_root miner difficulty total_difficulty size extra_data "
                 "gas_limit gas_used timestamp transaction_count base_fee_per_gas withdrawals_root "
                 "withdrawals blob_gas_used excess_blob_gas").split()
TX_COLUMNS = ("hash nonce block_hash block_number transaction_index from_address to_address value "
              "gas gas_price input block_timestamp max_fee_per_gas max_priority_fee_per_gas "
              "transaction_type max_fee_per_blob_gas blob_versioned_hashes").split()
RECEIPT_COLUMNS = ("transaction_hash transaction_index block_hash block_number cumulative_gas_used "
                   "gas_used contract_address root status effective_gas_price l1_fee l1_gas_used "
                   "l1_gas_price l1_fee_scalar blob_gas_price blob_gas_used").split()
LOG_COLUMNS = ("log_index transaction_hash transaction_index block_hash block_number address data "
               "topics").split()
TOKEN_COLUMNS = ("token_address from_address to_address value transaction_hash log_index "
                 "block_number").split()
TRACE_COLUMNS = ("block_number transaction_hash transaction_index from_address to_address value "
                 "input output trace_type call_type reward_type gas gas_used subtraces "
                 "trace_address error status trace_id").split()
TABLES = {"blocks": BLOCK_COLUMNS, "transactions": TX_COLUMNS, "receipts": RECEIPT_COLUMNS,
          "logs": LOG_COLUMNS, "token_transfers": TOKEN_COLUMNS, "traces": TRACE_COLUMNS}


def number(text):
    return None if text is None else int(text, 16)


def block_row(b):
    return {"number": number(b["number"]), "hash": b["hash"], "parent_hash": b["parentHash"],
            "nonce": b["nonce"], "sha3_uncles": b["sha3Uncles"], "logs_bloom": b["logsBloom"],
            "transactions_root": b["transactionsRoot"], "state_root": b["stateRoot"],
            "receipts_root": b["receiptsRoot"], "miner": b["miner"],
            "difficulty": number(b["difficulty"]),
            "total_difficulty": number(b.get("totalDifficulty")), "size": number(b.get("size")),
            "extra_data": b["extraData"], "gas_limit": number(b["gasLimit"]),
            "gas_used": number(b["gasUsed"]), "timestamp": number(b["timestamp"]),
            "transaction_count": len(b["transactions"]),
            "base_fee_per_gas": number(b["baseFeePerGas"]),
            "withdrawals_root": b.get("withdrawalsRoot"), "withdrawals": b.get("withdrawals", []),
            "blob_gas_used": number(b.get("blobGasUsed")),
            "excess_blob_gas": number(b.get("excessBlobGas"))}


def tx_row(t, b):
    return {"hash": t["hash"], "nonce": number(t["nonce"]), "block_hash": b["hash"],
            "block_number": number(b["number"]), "transaction_index": number(t["transactionIndex"]),
            "from_address": t["from"], "to_address": t["to"], "value": number(t["value"]),
            "gas": number(t["gas"]), "gas_price": number(t["gasPrice"]), "input": t["input"],
            "block_timestamp": number(b["timestamp"]),
            "max_fee_per_gas": number(t.get("maxFeePerGas")),
            "max_priority_fee_per_gas": number(t.get("maxPriorityFeePerGas")),
            "transaction_type": number(t["type"]),
            "max_fee_per_blob_gas": number(t.get("maxFeePerBlobGas")),
            "blob_versioned_hashes": t.get("blobVersionedHashes", [])}


def receipt_row(r):
    return {"transaction_hash": r["transactionHash"],
            "transaction_index": number(r["transactionIndex"]), "block_hash": r["blockHash"],
            "block_number": number(r["blockNumber"]),
            "cumulative_gas_used": number(r["cumulativeGasUsed"]),
            "gas_used": number(r["gasUsed"]), "contract_address": r["contractAddress"],
            "root": None, "status": number(r["status"]),
            "effective_gas_price": number(r["effectiveGasPrice"]), "l1_fee": None,
            "l1_gas_used": None, "l1_gas_price": None, "l1_fee_scalar": None,
            "blob_gas_price": number(r.get("blobGasPrice")),
            "blob_gas_used": number(r.get("blobGasUsed"))}


def log_row(log):
    return {"log_index": number(log["logIndex"]), "transaction_hash": log["transactionHash"],
            "transaction_index": number(log["transactionIndex"]), "block_hash": log["blockHash"],
            "block_number": number(log["blockNumber"]), "address": log["address"],
            "data": log["data"], "topics": log["topics"]}


def token_row(log):
    """Of a Transfer whose parties stand in topics; ethereum-etl takes an ERC-721's as well."""
    words = [t[2:] for t in log["topics"][1:]]
    words += [log["data"][2 + i:66 + i] for i in range(0, len(log["data"]) - 2, 64)]
    if log["topics"][0] != TRANSFER or len(words) != 3:
        return None
    return {"token_address": log["address"], "from_address": "0x" + words[0][24:],
            "to_address": "0x" + words[1][24:], "value": int(words[2], 16),
            "transaction_hash": log["transactionHash"], "log_index": number(log["logIndex"]),
            "block_number": number(log["blockNumber"])}


def trace_row(t):
    action, result = t.get("action") or {}, t.get("result") or {}
    kind = t["type"]
    row = dict.fromkeys(TRACE_COLUMNS)
    row.update(block_number=t["blockNumber"], transaction_hash=t.get("transactionHash"),
               transaction_index=t.get("transactionPosition"), trace_type=kind,
               subtraces=t["subtraces"], trace_address=t["traceAddress"], error=t.get("error"))
    if kind in ("call", "create"):
        row.update(from_address=action["from"], value=number(action["value"]),
                   gas=number(action["gas"]), gas_used=number(result.get("gasUsed")))
    if kind == "call":
        row.update(call_type=action["callType"], to_address=action["to"], input=action["input"],
                   output=result.get("output"))
    elif kind == "create":
        row.update(to_address=result.get("address"), input=action["init"],
                   output=result.get("code"))
    elif kind == "suicide":
        row.update(from_address=action["address"], to_address=action["refundAddress"],
                   value=number(action["balance"]))
    row["trace_id"] = "_".join([kind, row["transaction_hash"] or "0"] +
                               [str(n) for n in row["trace_address"]])
    return row


def with_statuses(rows):
    """A trace counts as failed when it, or any call it was made in, has an error."""
    failed = {}
    for row in rows:
        key, where = row["transaction_hash"], tuple(row["trace_address"])
        bad = bool(row["error"]) or failed.get((key, where[:-1]), False) and len(where) > 0
        failed[key, where] = bad
        row["status"] = 0 if bad else 1
    return rows


def rows(node, first=0, last=None):
    """{table: [row]} of the blocks first..last."""
    last = node.height() if last is None else last
    tables = {name: [] for name in TABLES}
    for height in range(first, last + 1):
        block = node.block(height)
        tables["blocks"].append(block_row(block))
        tables["transactions"] += [tx_row(t, block) for t in block["transactions"]]
        for receipt in node.call("eth_getBlockReceipts", hex(height)) or []:
            tables["receipts"].append(receipt_row(receipt))
            tables["logs"] += [log_row(log) for log in receipt["logs"]]
            tables["token_transfers"] += filter(None, map(token_row, receipt["logs"]))
        tables["traces"] += with_statuses(
            [trace_row(t) for t in node.call("trace_block", hex(height)) or []])
    return tables


def cell(value):
    """As ethereum-etl writes a value into CSV: lists joined by commas, nothing as nothing."""
    if isinstance(value, list):
        return ",".join(json.dumps(v) if isinstance(v, dict) else str(v) for v in value)
    return "" if value is None else str(value)


def export(tables, folder, form):
    """Writes the tables as files; gives their paths. `form` is "csv" or "json" (lines). In JSON
    amounts are numbers of any size, as Python writes them; empty values are null."""
    os.makedirs(folder, exist_ok=True)
    paths = []
    for name, columns in TABLES.items():
        path = os.path.join(folder, "%s.%s" % (name, form))
        paths.append(path)
        with open(path, "w", encoding="utf-8", newline="") as out:
            if form == "csv":
                writer = csv.writer(out, lineterminator="\n")
                writer.writerow(columns)
                writer.writerows([cell(row[c]) for c in columns] for row in tables[name])
            else:
                kind = name[:-1]
                for row in tables[name]:
                    out.write(json.dumps({"type": kind, **{c: row[c] for c in columns}}) + "\n")
    return paths


# What WETH9 logs instead of a Transfer when ether is wrapped and unwrapped.
DEPOSIT = "0xe1fffcc4923d04b559f4d29a8bfc6cda04eb5b0d3c460751c2402c5c5cc9109c"
WITHDRAWAL = "0x7fcf532c15f0a6db0bd6d0e038bea71d30d808c7d98cb3bf7268a95bf5081b65"
LISTED = {USDT: "usdt", WETH: "weth"}


def token_moves(log, listed):
    """What a log moves of a listed token; nothing of any other."""
    asset, topics = listed.get(log["address"]), log["topics"]
    if asset is None:
        return []
    who = ["0x" + t[26:] for t in topics[1:]]
    if topics[0] == TRANSFER and len(who) == 2:
        parties = who
    elif asset == "weth" and topics[0] == DEPOSIT:
        parties = [NOBODY, who[0]]
    elif asset == "weth" and topics[0] == WITHDRAWAL:
        parties = [who[0], NOBODY]
    else:
        return []
    return [{"kind": "token", "from": parties[0], "to": parties[1], "asset": asset,
             "amount": int(log["data"], 16)}]


def trace_moves(trace, made):
    """What a trace moves; `made`: contracts made in the same transaction, which really go when
    they end."""
    if trace["status"] == 0 or not trace["value"] or \
            trace["call_type"] in ("delegatecall", "staticcall", "callcode"):
        return []
    to = trace["to_address"]
    if trace["trace_type"] == "suicide" and to == trace["from_address"]:
        if to not in made:
            return []
        to = None
    return [{"kind": "internal" if trace["trace_address"] else "native", "asset": "eth",
             "from": trace["from_address"], "to": to, "amount": trace["value"]}]


def movements(tables, listed=None):
    """All that the rows say, as the model wants it: a second opinion, written without a look at
    the program's own. [{"id", "block", "time", "sender", "moves"}], failed transactions with their
    fees. `listed`: contract -> asset."""
    listed = listed or LISTED
    def by_tx(name):
        found = {}
        for row in tables[name]:
            found.setdefault(row["transaction_hash"], []).append(row)
        return found
    blocks = {b["number"]: b for b in tables["blocks"]}
    traces, logs, receipts = by_tx("traces"), by_tx("logs"), by_tx("receipts")
    txs = []
    for tx in tables["transactions"]:
        block, receipt = blocks[tx["block_number"]], receipts[tx["hash"]][0]
        moves = []
        if receipt["status"] == 1:
            made = {t["to_address"] for t in traces[tx["hash"]] if t["trace_type"] == "create"}
            for trace in traces[tx["hash"]]:
                moves += trace_moves(trace, made)
            for log in logs.get(tx["hash"], []):
                moves += token_moves(log, listed)
        base, used = block["base_fee_per_gas"], receipt["gas_used"]
        burnt = base * used + (receipt["blob_gas_used"] or 0) * receipt["blob_gas_price"]
        for to, fee in ((None, burnt), (block["miner"],
                                        (receipt["effective_gas_price"] - base) * used)):
            moves.append({"kind": "fee", "from": tx["from_address"], "to": to, "asset": "eth",
                          "amount": fee})
        txs.append({"id": tx["hash"], "block": block["number"], "time": block["timestamp"],
                    "sender": tx["from_address"], "moves": moves})
    return txs


def balances_by_export(tables, opening):
    """What the rows alone say that everybody has in the end: this proves the export, and is the
    second opinion on what moves ether. `opening`: address -> wei."""
    has = dict(opening)
    for tx in movements(tables):
        for move in tx["moves"]:
            if move["asset"] == "eth":
                has[move["from"]] = has.get(move["from"], 0) - move["amount"]
                has[move["to"]] = has.get(move["to"], 0) + move["amount"]
    return has
