"""A plain reader of Bitcoin blocks: the second opinion about what src/chain/bitcoin.c says.

What it is. Blocks, transactions, companion files and addresses, read the slow and obvious way with
nothing but the standard library (and the `zstd` command for archives). It shares no line and no
table with the C code: it was written from the published formats, so that a mistake in one of the
two shows as a difference.

Sources: the block and transaction serialisation of the Bitcoin protocol documentation, BIP 141
(witnesses), BIP 34 (heights in coinbases), BIP 173 and 350 (bech32 and bech32m), the base58check
page of the Bitcoin wiki; the companion files as their writers describe them.
"""
import hashlib
import json
import struct
import subprocess

BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
MAINNET = {"p2pkh": 0, "p2sh": 5, "hrp": "bc"}
TESTNET = {"p2pkh": 111, "p2sh": 196, "hrp": "tb"}


def sha256d(data):
    return hashlib.sha256(hashlib.sha256(data).digest()).digest()


def display(digest):
    """Ids are printed with their bytes in reverse."""
    return digest[::-1].hex()


class Reader:
    """Reads along a string of bytes; running past its end is an error."""

    def __init__(self, data, at=0):
        self.data, self.at = data, at

    def take(self, n):
        piece = self.data[self.at:self.at + n]
        if len(piece) != n:
            raise ValueError("the bytes end at %d" % len(self.data))
        self.at += n
        return piece

    def number(self, n):
        return int.from_bytes(self.take(n), "little")

    def compact(self):
        first = self.number(1)
        return first if first < 0xfd else self.number({0xfd: 2, 0xfe: 4, 0xff: 8}[first])

    def left(self):
        return len(self.data) - self.at


def read_tx(reader):
    """{"id", "in": [outpoint text], "out": [(value, script)], "script_sigs"}. A coinbase has no
    inputs here."""
    start = reader.at
    version = reader.take(4)
    witness = reader.data[reader.at] == 0
    if witness:
        if reader.take(2) != b"\x00\x01":
            raise ValueError("an unknown transaction extension")
    body = reader.at
    inputs, sigs, outputs = [], [], []
    for _ in range(reader.compact()):
        txid, vout = reader.take(32), reader.number(4)
        sigs.append(reader.take(reader.compact()))
        reader.take(4)
        inputs.append((txid, vout))
    for _ in range(reader.compact()):
        value = reader.number(8)
        outputs.append((value, reader.take(reader.compact())))
    end = reader.at
    if witness:
        for _ in inputs:
            for _ in range(reader.compact()):
                reader.take(reader.compact())
    lock = reader.take(4)
    stripped = version + reader.data[body:end] + lock
    if not witness:
        assert stripped == reader.data[start:reader.at]
    digest = sha256d(stripped)
    coinbase = inputs == [(bytes(32), 0xffffffff)]
    return {"id": display(digest), "digest": digest, "out": outputs, "script_sigs": sigs,
            "in": [] if coinbase else ["%s:%d" % (display(t), v) for t, v in inputs]}


def merkle_root(digests):
    level = list(digests)
    while len(level) > 1:
        if len(level) % 2:
            level.append(level[-1])
        level = [sha256d(a + b) for a, b in zip(level[::2], level[1::2])]
    return level[0]


def read_block(data):
    """{"hash", "prev", "time", "height" (BIP 34; None where it is not stated), "txs"}."""
    reader = Reader(data)
    header = reader.take(80)
    version, = struct.unpack("<i", header[:4])
    time, = struct.unpack("<I", header[68:72])
    txs = [read_tx(reader) for _ in range(reader.compact())]
    if reader.left():
        raise ValueError("bytes behind the block")
    if merkle_root([tx["digest"] for tx in txs]) != header[36:68]:
        raise ValueError("the merkle root is another")
    sig = txs[0]["script_sigs"][0]
    height = int.from_bytes(sig[1:1 + sig[0]], "little") if version >= 2 and sig[0] < 9 else None
    return {"hash": display(sha256d(header)), "prev": display(header[4:36]), "time": time,
            "height": height, "txs": txs}


def read_file(path):
    with open(path, "rb") as file:
        return file.read()


def read_framed(path):
    """The blocks of a file in the framing of Bitcoin Core, in file order."""
    reader, blocks = Reader(read_file(path)), []
    while reader.left() >= 8:
        magic, size = reader.number(4), reader.number(4)
        if magic == 0:
            break
        blocks.append(read_block(reader.take(size)))
    return blocks


def read_spent_json(path):
    """[(value, script)] of NAME.spent.json.zst: one for each input that the list covers."""
    text = subprocess.run(["zstd", "-dcq", path], check=True, capture_output=True).stdout
    return [(int(o["txout"]["value"]), bytes.fromhex(o["txout"]["script_pubkey"]))
            for o in json.loads(text)]


def read_undo_bcoin(path):
    reader, coins = Reader(read_file(path)), []
    while reader.left():
        value = reader.number(8)
        coins.append((value, reader.take(reader.compact())))
    return coins


def fill_values(blocks, spent):
    """Gives every transaction "coins": [(outpoint, value, script)] for its inputs. `spent` holds,
    for each block, the list of its companion: of every input, or of those only that spend coins
    of earlier blocks. None: all values come from the blocks themselves."""
    made = {}
    for block, coins in zip(blocks, spent):
        inside = set()
        every = sum(len(tx["in"]) for tx in block["txs"])
        covers_all = coins is not None and len(coins) == every
        at = 0
        for tx in block["txs"]:
            tx["coins"] = []
            for outpoint in tx["in"]:
                if covers_all or (coins is not None and outpoint not in inside):
                    value, script = coins[at]
                    at += 1
                    if outpoint in made and made[outpoint] != (value, script):
                        raise ValueError("the companion contradicts the chain at " + outpoint)
                else:
                    value, script = made[outpoint]
                tx["coins"].append((outpoint, value, script))
            for j, (value, script) in enumerate(tx["out"]):
                made["%s:%d" % (tx["id"], j)] = (value, script)
                inside.add("%s:%d" % (tx["id"], j))
        if coins is not None and at != len(coins):
            raise ValueError("the companion lists %d coins, %d are spent" % (len(coins), at))


# ---------------------------------------------------------------------------- addresses


def base58check(version, payload):
    data = bytes([version]) + payload
    data += sha256d(data)[:4]
    number, text = int.from_bytes(data, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        text = BASE58[digit] + text
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + text


def polymod(values):
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1ffffff) << 5 ^ value
        for i, g in enumerate((0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3)):
            check ^= g if (top >> i) & 1 else 0
    return check


def segwit(hrp, version, program):
    bits = "".join("{:08b}".format(b) for b in program)
    bits += "0" * (-len(bits) % 5)
    data = [version] + [int(bits[i:i + 5], 2) for i in range(0, len(bits), 5)]
    head = [ord(c) >> 5 for c in hrp] + [0] + [ord(c) & 31 for c in hrp]
    check = polymod(head + data + [0] * 6) ^ (1 if version == 0 else 0x2bc830a3)
    data += [(check >> 5 * (5 - i)) & 31 for i in range(6)]
    return hrp + "1" + "".join(BECH32[d] for d in data)


def hash160(data):
    """None where this Python comes without RIPEMD-160."""
    try:
        return hashlib.new("ripemd160", hashlib.sha256(data).digest()).digest()
    except ValueError:
        return None


def address(script, net):
    """The address that people write for a script; None where the form has none (or where it
    cannot be told here). Bare keys show as the address of their hash, as explorers have it."""
    n = len(script)
    if n == 25 and script[:3] == b"\x76\xa9\x14" and script[23:] == b"\x88\xac":
        return base58check(net["p2pkh"], script[3:23])
    if n == 23 and script[:2] == b"\xa9\x14" and script[22:] == b"\x87":
        return base58check(net["p2sh"], script[2:22])
    if n in (35, 67) and script[0] == n - 2 and script[-1] == 0xac \
            and script[1] in ((2, 3) if n == 35 else (4,)):
        digest = hash160(script[1:-1])
        return base58check(net["p2pkh"], digest) if digest else None
    if 4 <= n <= 42 and script[1] == n - 2 and (script[0] == 0 or 0x51 <= script[0] <= 0x60):
        version = script[0] - 0x50 if script[0] else 0
        if version == 0 and n - 2 not in (20, 32):
            return None
        return segwit(net["hrp"], version, script[2:])
    return None


def is_data(script):
    return script[:1] == b"\x6a"


# ---------------------------------------------------------------------------- worlds


def world_txs(blocks, net):
    """The transactions as the model wants them: outputs go to an address, or to `script:...` where
    there is none, or to None for OP_RETURN."""
    txs = []
    for block in blocks:
        for tx in block["txs"]:
            outs = [[None if is_data(s) else address(s, net) or "script:" + s.hex(), v]
                    for v, s in tx["out"]]
            txs.append({"id": tx["id"], "block": block["height"], "time": block["time"],
                        "in": [[o, v] for o, v, _ in tx["coins"]], "out": outs})
    return txs


def descendants(txs, outpoints):
    """Only the transactions that made one of these coins or spend money that came from them: no
    other one can ever carry what they hold."""
    reached, chosen = set(outpoints), []
    names = {o.rsplit(":", 1)[0] for o in outpoints}
    for tx in txs:
        touched = any(o in reached for o, _ in tx["in"])
        if touched:
            reached.update("%s:%d" % (tx["id"], j) for j in range(len(tx["out"])))
        if touched or tx["id"] in names:
            chosen.append(tx)
    return chosen


def earlier_tx(txs, outpoint):
    """A transaction for a coin that was made before the first block: a world needs it made. Its
    other outputs get the values that the world's own inputs say they had."""
    name = outpoint.rsplit(":", 1)[0]
    values = {int(o.rsplit(":", 1)[1]): v for tx in txs for o, v in tx["in"]
              if o.rsplit(":", 1)[0] == name}
    return {"id": name, "block": 0, "time": 0, "in": [],
            "out": [["earlier", values.get(j, 0)] for j in range(max(values) + 1)]}
