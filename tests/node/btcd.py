"""A Bitcoin of our own: btcd on regtest, one eventful chain on it, and what others keep of it.

What it is. `Btcd` starts the node; `build` makes a chain on it: 440 blocks until segregated witness
is in force and coinbases are ripe, then about a hundred with a theft, splits, a peel chain, a
CoinJoin, chains of spends within one block, scripts of every form, a branch that lost. Blocks are
made by our own wallet and handed to the node, which checks every signature and sum before it takes
them; so the chain is the same in every run. A few more at its end the node mines itself.

From the running node are written: a folder of block files as Bitcoin Core keeps it (blk and rev
files, newer versions' obfuscation, stale blocks, blocks out of order), and a bitcoin-etl export.

Sources: btcd's JSON-RPC; Bitcoin Core src/node/blockstorage.cpp (files), src/undo.h; bitcoin-etl
README.md (columns), bitcoinetl/service/btc_service.py (coinbase inputs, addresses of none).
"""
import hashlib
import json
import os
import struct

import nodes
import bitcoin
import wallet
from wallet import COIN, Key, Tx

START_TIME = 1_700_000_000  # of block 1; ten minutes a block
RIPE = 440                  # segregated witness is in force, and old coinbases can be spent


class Btcd(nodes.Node):
    """The node; keeps the whole index of transactions, listens to nobody."""
    name = "btcd"
    login = "dyepack:f0rest-h1dden"  # of nothing that exists; tests look for it in every output

    def command(self):
        user, password = self.login.split(":")
        config = os.path.join(self.folder, "btcd.conf")
        with open(config, "w", encoding="utf-8") as out:
            out.write("[Application Options]\nrpcuser=%s\nrpcpass=%s\n" % (user, password))
        return [self.program, "--regtest", "--configfile=" + config, "--txindex", "--nolisten",
                "--datadir=" + os.path.join(self.folder, "data"),
                "--logdir=" + os.path.join(self.folder, "logs"), "--notls", "--nodnsseed",
                "--rpclisten=127.0.0.1:%d" % self.port, "--debuglevel=error",
                "--rpcmaxclients=64", "--miningaddr=" + Key("miner of the node").address()]

    def alive(self):
        self.call("getblockcount")

    def height(self):
        return self.call("getblockcount")

    def block_id(self, height):
        return self.call("getblockhash", height)

    def raw(self, block_id):
        return bytes.fromhex(self.call("getblock", block_id, 0))

    def submit(self, block):
        told = self.call("submitblock", block.raw.hex())
        if told is not None and told != "inconclusive":
            raise nodes.Refused("submitblock", {"message": told})


class Chain:
    """The chain being made: our coins, and names for what matters.

    `key`  name -> Key      `coin`  name -> Coin      `tx`  name -> txid
    """

    def __init__(self, node):
        self.node = node
        self.key, self.coin, self.tx = {}, {}, {}
        self.blocks, self.stale, self.rewards, self.waiting = [], [], [], []
        self.tip = bytes.fromhex(node.block_id(0))[::-1]

    def who(self, name):
        return self.key.setdefault(name, Key(name))

    @property
    def height(self):
        return len(self.blocks)

    def block(self, txs, parent=None, height=None, mark=b"dyepack", late=0):
        height = height or self.height + 1
        return wallet.Block(parent or self.tip, height, START_TIME + 600 * height + late, txs,
                            self.who("miner"), mark)

    def mine(self, count=1):
        """Blocks on the tip; the first one takes what waits."""
        for _ in range(count):
            block = self.block(self.waiting)
            self.waiting = []
            self.node.submit(block)
            self.blocks.append(block)
            self.tip = block.hash
            self.rewards.append(block.coinbase)

    def again(self):
        """Hands the node the blocks that it has lost: killed, it forgets what it had not written.
        """
        for block in self.blocks[self.node.height():]:
            self.node.submit(block)

    def pay(self, coins, outputs, name=None, fee=1000, change=None):
        """A transaction that waits for `mine`. `outputs`: [(whom, satoshi, kind)]; names of coins
        are "whom" or, for the second of one transaction, "whom 2" and so on. `change`: who gets
        what is left; else the last output gives the fee."""
        coins = [self.coin.pop(c) if isinstance(c, str) else c for c in coins]
        total = sum(c.value for c in coins)
        outputs = [o if len(o) == 3 else (*o, "p2wpkh") for o in outputs]
        if change:
            outputs.append((change, total - fee - sum(o[1] for o in outputs), "p2wpkh"))
        packed = [(v, self.who(w).script(kind) if isinstance(w, str) else w)
                  for w, v, kind in outputs]
        tx = Tx(coins, packed)
        assert tx.fee >= 0, (name, tx.fee)
        seen = {}
        for i, (whom, _, kind) in enumerate(outputs):
            if isinstance(whom, str):
                seen[whom] = seen.get(whom, 0) + 1
                label = whom if seen[whom] == 1 else "%s %d" % (whom, seen[whom])
                self.coin[label] = tx.coin(i, self.who(whom), self.height + 1, kind)
        if name:
            self.tx[name] = tx.txid
        self.waiting.append(tx)
        return tx


def build(node, generated=2):
    """Makes the whole chain on a fresh node."""
    c = Chain(node)
    c.mine(RIPE)
    for step in (funds, theft, split, forms, mix, within, peel, fork, merge, cash_out):
        step(c)
    if generated:
        by_the_node(c, generated)
    return c


def funds(c):
    """Coinbases of the first blocks go to the victim and to others, in several forms."""
    ripe = c.rewards[:12]
    c.pay(ripe[:7], [("victim", 300 * COIN, "p2pkh")], change="bank")
    c.pay(ripe[7:10], [("ann", 40 * COIN), ("ann", 30 * COIN, "nested"), ("bob", 50 * COIN)],
          change="bob")
    c.pay(ripe[10:], [("cid", 60 * COIN, "p2pkh")], change="eve")
    c.mine(2)


def theft(c):
    """One coin of the victim becomes two of the thief."""
    c.pay(["victim"], [("thief", 280 * COIN)], name="theft", change="thief", fee=50_000)
    c.mine(2)


def split(c):
    c.pay(["thief"], [("w1", 80 * COIN), ("w2", 50 * COIN, "nested"), ("w3", 40 * COIN, "p2pkh"),
                      ("w4", 30 * COIN), ("w5", 20 * COIN)], name="split", change="w6", fee=20_000)
    c.mine()
    c.pay(["bob"], [("ann 9", 1 * COIN)], change="bob")
    c.mine()


def forms(c):
    """Outputs in every form that undo data compresses and in some that it does not, made and spent;
    one that nobody can spend, one of nothing."""
    data = b"\x6a\x0bhello world"
    c.pay(["w5"], [("k1", 3 * COIN, "p2pk"), ("k2", 4 * COIN, "p2pk_long"), (data, 0, None),
                   ("k3", 5 * COIN, "nested"), (b"\x51\x20" + b"\7" * 32, COIN, None),
                   (b"\x00\x20" + b"\x11" * 32, COIN, None), (b"\x51", 12_345, None)],
          change="k4", fee=7777)
    c.mine()
    c.pay(["k1", "k2", "k3", "k4"], [("k5", COIN, "p2pk_long")], change="w5", fee=12_345)
    c.mine(2)


def mix(c):
    """Four parties, one of them the thief: four equal outputs, and change for each."""
    coins = ["ann", "w2", "cid", "bob"]
    values = [c.coin[x].value for x in coins]
    equal = 10 * COIN
    outputs = [("mixed %d" % i, equal) for i in range(4)]
    outputs += [(x + " change", v - equal - 2500) for x, v in zip(coins, values)]
    c.pay(coins, outputs, name="mix")
    c.mine()


def within(c):
    """Four spends one after the other in one block, with a side branch."""
    c.pay(["w4"], [("c1", 12 * COIN)], change="c2")
    c.pay(["c1"], [("c3", 5 * COIN)], change="c4")
    c.pay(["c3", "c2"], [("c5", 20 * COIN)], change="c6")
    c.pay(["c5"], [("service", 8 * COIN)], change="w4", name="chain in a block")
    c.mine()


def peel(c):
    """A little goes off at each step, the rest to a fresh address: eighteen times."""
    c.coin["peel 0"] = c.coin.pop("w1")
    for i in range(18):
        c.pay(["peel %d" % i], [("service" if i % 3 == 0 else "peeled %d" % i, COIN + i * 77_777)],
              change="peel %d" % (i + 1), fee=500 + i)
        if i % 4 == 3:
            c.pay(["bob change"], [("ann %d" % (20 + i), 10_000)], change="bob change")
        c.mine()


def fork(c):
    """A branch of two that holds another spend of a stolen coin, and loses to one of three."""
    lost = Tx([c.coin["w3"]], [(30 * COIN, c.who("service").p2wpkh),
                               (c.coin["w3"].value - 30 * COIN - 900, c.who("w3").p2wpkh)])
    first = c.block([lost], mark=b"the branch that loses")
    second = c.block([], first.hash, c.height + 2, mark=b"the branch that loses")
    for block in (first, second):
        c.node.submit(block)
        c.stale.append(block)
    c.pay(["w3"], [("w7", 25 * COIN)], change="w8", fee=4000, name="the spend that stands")
    c.mine(3)


def merge(c):
    """Stolen and clean coins in one transaction; the change of the theft as a fee, nearly all."""
    c.pay(["w7", "eve", "w5"], [("w9", 40 * COIN)], change="w10")
    c.mine()
    c.pay(["thief 2"], [("w11", 5 * COIN)], fee=14 * COIN, change="w12", name="great fee")
    c.mine(3)


def cash_out(c):
    """The service gets about half; other people's payments stand between."""
    plan = ["w6", "w9", "mixed 1", "c6", "w8", "peeled 1"]
    for i in range(36):
        if i % 6 == 2:
            coin = plan[i // 6]
            c.pay([coin], [("service", c.coin[coin].value * 2 // 3)], change=coin + " rest")
        c.pay(["bank"], [("ann %d" % (100 + i), 100_000 + i)], change="bank")
        c.mine()


def by_the_node(c, count):
    """The last blocks the node makes of what waits in its own pool: its choice of order, its own
    clock. What these blocks are differs from run to run."""
    c.pay(["w11"], [("w13", COIN)], change="w14")
    c.pay(["w14"], [("service", COIN)], change="w15")
    c.pay(["bank"], [("ann 999", COIN)], change="bank")
    for tx in c.waiting:
        c.node.call("sendrawtransaction", tx.raw().hex())
    c.waiting = []
    for block_id in c.node.call("generate", count):
        c.tip = bytes.fromhex(block_id)[::-1]


def branch(c, parent_height, blocks, mark=b"another branch"):
    """A branch of our own on the block at a height: `blocks` is a list of lists of transactions,
    one list for each block. Gives the blocks; the caller submits them. Another mark, another
    branch."""
    made, parent = [], bytes.fromhex(c.node.block_id(parent_height))[::-1]
    # Behind blocks that the node made at its own clock only later times are taken.
    above = max(0, c.node.call("getblockheader", c.node.block_id(parent_height))["time"] -
                START_TIME - 600 * parent_height)
    for i, txs in enumerate(blocks):
        made.append(c.block(txs, parent, parent_height + 1 + i, mark, above))
        parent = made[-1].hash
    return made


# ----------------------------------------------------------------- what others keep of a chain


def ledger(node, last=None):
    """Every block of the chain from the node's own bytes, as tests/model/bitcoin.py reads them,
    each with "raw", "height" and, at each transaction, "spent": [(value, script, height,
    is_coinbase)] for its inputs."""
    made, blocks = {}, []
    for height in range(0, (node.height() if last is None else last) + 1):
        raw = node.raw(node.block_id(height))
        block = bitcoin.read_block(raw)
        block.update(raw=raw, height=height)
        for i, tx in enumerate(block["txs"]):
            tx["spent"] = [made.pop(outpoint) for outpoint in tx["in"]]
            for j, (value, script) in enumerate(tx["out"]):
                made["%s:%d" % (tx["id"], j)] = (value, script, height, i == 0)
        blocks.append(block)
    return blocks


def write_folder(blocks, folder, stale=(), key=None, split_at=300):
    """A `blocks` folder of Bitcoin Core. Blocks stand in two files and, as they come from several
    peers, not in order; records of undo data stand in the order in which blocks were connected, in
    the rev file of the same number. Files are padded with zeros, as preallocated ones are. `key`:
    eight bytes that everything is XORed with (newer versions do so)."""
    os.makedirs(folder, exist_ok=True)
    records = [block["raw"] for block in blocks]
    for at in range(30, len(records) - 1, 17):  # some neighbours came the other way about
        records[at], records[at + 1] = records[at + 1], records[at]
    at = len(records) * 2 // 3
    records[at:at] = [block.raw for block in stale]
    parts = [records[:split_at], records[split_at:]]
    of_part = {bitcoin.sha256d(raw[:80]): n for n, part in enumerate(parts) for raw in part}
    connected = [(block["raw"], [tx["spent"] for tx in block["txs"][1:]]) for block in blocks[1:]]
    connected += [(block.raw, [[(c.value, c.script, c.height, c.is_coinbase) for c in tx.coins]
                               for tx in block.txs]) for block in stale]
    undo = [b"", b""]
    for raw, spent in connected:
        data = wallet.undo_data(spent)
        undo[of_part[bitcoin.sha256d(raw[:80])]] += \
            framed(data) + bitcoin.sha256d(raw[4:36] + data)
    for n, part in enumerate(parts):
        for name, data in (("blk", b"".join(map(framed, part))), ("rev", undo[n])):
            data += b"\0" * 4096
            if key:
                data = bytes(a ^ key[i % 8] for i, a in enumerate(data))
            with open(os.path.join(folder, "%s%05d.dat" % (name, n)), "wb") as out:
                out.write(data)
    if key:
        with open(os.path.join(folder, "xor.dat"), "wb") as out:
            out.write(key)
    return folder


def framed(data):
    return wallet.MAGIC + struct.pack("<I", len(data)) + data


SCRIPT_TYPES = ((25, b"\x76\xa9\x14", "pubkeyhash"), (23, b"\xa9\x14", "scripthash"),
                (22, b"\0\x14", "witness_v0_keyhash"), (34, b"\0\x20", "witness_v0_scripthash"),
                (34, b"\x51\x20", "witness_v1_taproot"))


def type_of(script):
    """(type, addresses): where there is no address, bitcoin-etl makes a name of the script."""
    for size, head, name in SCRIPT_TYPES:
        if len(script) == size and script.startswith(head):
            return name, [bitcoin.address(script, wallet.NET)]
    return "nonstandard", ["nonstandard" + hashlib.sha256(script).hexdigest()[:40]]


def model_blocks(blocks):
    """As tests/model/bitcoin.py wants them for worlds: with what each input spends."""
    for block in blocks:
        for tx in block["txs"]:
            tx["coins"] = [(outpoint, spent[0], spent[1])
                           for outpoint, spent in zip(tx["in"], tx["spent"])]
    return blocks


def etl_transaction(block, tx, index):
    inputs = []
    for i, (outpoint, spent) in enumerate(zip(tx["in"], tx["spent"])):
        kind, addresses = type_of(spent[1])
        txid, vout = outpoint.split(":")
        inputs.append({"index": i, "spent_transaction_hash": txid, "spent_output_index": int(vout),
                       "script_asm": "", "script_hex": tx["script_sigs"][i].hex(),
                       "sequence": 0xfffffffd, "required_signatures": None, "type": kind,
                       "addresses": addresses, "value": spent[0]})
    outputs = []
    for i, (value, script) in enumerate(tx["out"]):
        kind, addresses = type_of(script)
        outputs.append({"index": i, "script_asm": "", "script_hex": script.hex(),
                        "required_signatures": None, "type": kind, "addresses": addresses,
                        "value": value})
    value_in = sum(i["value"] for i in inputs)
    value_out = sum(o["value"] for o in outputs)
    return {"type": "transaction", "hash": tx["id"], "size": 0, "virtual_size": 0, "version": 2,
            "lock_time": 0, "block_number": block["height"], "block_hash": block["hash"],
            "block_timestamp": block["time"], "is_coinbase": index == 0, "index": index,
            "inputs": inputs, "outputs": outputs, "input_count": len(inputs),
            "output_count": len(outputs), "input_value": value_in, "output_value": value_out,
            "fee": 0 if index == 0 else value_in - value_out}


def export(blocks, folder):
    """blocks.json and transactions.json, JSON lines, enriched; gives their paths."""
    os.makedirs(folder, exist_ok=True)
    paths = [os.path.join(folder, name) for name in ("blocks.json", "transactions.json")]
    with open(paths[0], "w", encoding="utf-8") as out:
        for b in blocks:
            raw = b["raw"]
            out.write(json.dumps({
                "type": "block", "hash": b["hash"], "size": len(raw), "stripped_size": len(raw),
                "weight": 4 * len(raw), "number": b["height"],
                "version": int.from_bytes(raw[:4], "little"),
                "merkle_root": bitcoin.display(raw[36:68]), "timestamp": b["time"],
                "nonce": raw[76:80][::-1].hex(), "bits": raw[72:76][::-1].hex(),
                "coinbase_param": b["txs"][0]["script_sigs"][0].hex(),
                "transaction_count": len(b["txs"])}) + "\n")
    with open(paths[1], "w", encoding="utf-8") as out:
        for b in blocks:
            for index, tx in enumerate(b["txs"]):
                out.write(json.dumps(etl_transaction(b, tx, index)) + "\n")
    return paths
