"""A Bitcoin wallet and miner in plain Python: keys, signatures, transactions, blocks, undo data.

What it is. Just enough to spend coins on a real node, which checks every signature and every sum,
and to make blocks by hand, so that the same test makes the same chain. Slow (a signature takes some
milliseconds) and not for money: nothing here is guarded against being watched.

Sources: SEC 1 and SEC 2 (secp256k1), RFC 6979 (nonces), BIP 66 (DER), BIP 141 and 143 (segregated
witness), BIP 34; for undo data Bitcoin Core's src/undo.h, src/compressor.cpp and src/serialize.h;
for the little that Ethereum needs the Keccak reference and EIP-7702.
"""
import hashlib
import hmac
import struct

import nodes  # noqa: F401  puts tests/model on the path
import bitcoin

COIN = 100_000_000
NET = {"p2pkh": 111, "p2sh": 196, "hrp": "bcrt"}  # regtest
MAGIC = bytes.fromhex("fabfb5da")
BITS = 0x207fffff
SUBSIDY_HALVING = 150

# ---------------------------------------------------------------------------------- secp256k1

P = 2 ** 256 - 2 ** 32 - 977
N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
G = (0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798,
     0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8)


def add(a, b):
    """Points are (x, y), or None for infinity."""
    if a is None or b is None:
        return a or b
    if a[0] == b[0]:
        if (a[1] + b[1]) % P == 0:
            return None
        slope = 3 * a[0] * a[0] * pow(2 * a[1], -1, P) % P
    else:
        slope = (b[1] - a[1]) * pow(b[0] - a[0], -1, P) % P
    x = (slope * slope - a[0] - b[0]) % P
    return x, (slope * (a[0] - x) - a[1]) % P


# G, 2 G, 4 G, ...: all our multiplications are of G, so half the work is done once.
DOUBLES = [G]
while len(DOUBLES) < 256:
    DOUBLES.append(add(DOUBLES[-1], DOUBLES[-1]))


def times_g(k):
    point = None
    for bit, double in enumerate(DOUBLES):
        if k >> bit & 1:
            point = add(point, double)
    return point


def nonce(secret, digest):
    """RFC 6979 with SHA-256: the same message and key give the same signature."""
    key, value = b"\0" * 32, b"\1" * 32
    seed = secret.to_bytes(32, "big") + (int.from_bytes(digest, "big") % N).to_bytes(32, "big")
    for mark in (b"\0", b"\1"):
        key = hmac.digest(key, value + mark + seed, "sha256")
        value = hmac.digest(key, value, "sha256")
    while True:
        value = hmac.digest(key, value, "sha256")
        k = int.from_bytes(value, "big")
        if 0 < k < N:
            return k
        key = hmac.digest(key, value + b"\0", "sha256")
        value = hmac.digest(key, value, "sha256")


def der_integer(number):
    body = number.to_bytes(number.bit_length() // 8 + 1, "big")
    return b"\2" + bytes([len(body)]) + body


def signature(secret, digest):
    """(r, s, whether the y of r is odd), with a low s, as Bitcoin and Ethereum want it."""
    k = nonce(secret, digest)
    x, y = times_g(k)
    s = pow(k, -1, N) * (int.from_bytes(digest, "big") + x % N * secret) % N
    is_high = s > N // 2
    return x % N, N - s if is_high else s, (y & 1) ^ is_high


def sign(secret, digest):
    """The same as DER."""
    r, s, _ = signature(secret, digest)
    body = der_integer(r) + der_integer(s)
    return b"\x30" + bytes([len(body)]) + body


class Key:
    """A key with the addresses that it spends from."""

    def __init__(self, name):
        self.name = name
        self.secret = int.from_bytes(hashlib.sha256(b"dyepack " + name.encode()).digest(),
                                     "big") % N
        x, y = times_g(self.secret)
        self.public = bytes([2 + (y & 1)]) + x.to_bytes(32, "big")
        self.hash = bitcoin.hash160(self.public)
        self.p2wpkh = b"\0\x14" + self.hash
        self.p2pkh = b"\x76\xa9\x14" + self.hash + b"\x88\xac"
        self.nested = b"\xa9\x14" + bitcoin.hash160(self.p2wpkh) + b"\x87"  # P2SH-P2WPKH
        self.p2pk = with_size(self.public) + b"\xac"
        self.p2pk_long = b"\x41\4" + x.to_bytes(32, "big") + y.to_bytes(32, "big") + b"\xac"

    def script(self, kind="p2wpkh"):
        return getattr(self, kind)

    def address(self, kind="p2wpkh"):
        return bitcoin.address(self.script(kind), NET)


# ---------------------------------------------------------------------------- for Ethereum


def keccak(data):
    """Keccak-256 as Ethereum has it: before it became SHA-3, so with another padding."""
    mask = (1 << 64) - 1

    def turn(v, n):
        return (v << n | v >> 64 - n) & mask if n else v
    state, feed = [[0] * 5 for _ in range(5)], 1
    padded = data + b"\1" + b"\0" * (-(len(data) + 1) % 136)
    padded = padded[:-1] + bytes([padded[-1] | 0x80])
    constants = []
    for _ in range(24):
        constant = 0
        for j in range(7):
            constant |= (feed & 1) << (1 << j) - 1
            feed = feed << 1 ^ (feed >> 7) * 0x171
        constants.append(constant)
    for at in range(0, len(padded), 136):
        for i in range(17):
            state[i % 5][i // 5] ^= int.from_bytes(padded[at + 8 * i:at + 8 * i + 8], "little")
        for constant in constants:
            state = keccak_round(state, turn, mask)
            state[0][0] ^= constant
    return b"".join(state[i % 5][i // 5].to_bytes(8, "little") for i in range(4))


def keccak_round(a, turn, mask):
    """theta, rho and pi, chi; iota is the caller's."""
    c = [a[x][0] ^ a[x][1] ^ a[x][2] ^ a[x][3] ^ a[x][4] for x in range(5)]
    d = [c[(x - 1) % 5] ^ turn(c[(x + 1) % 5], 1) for x in range(5)]
    a = [[a[x][y] ^ d[x] for y in range(5)] for x in range(5)]
    x, y, lane = 1, 0, a[1][0]
    for t in range(24):
        x, y = y, (2 * x + 3 * y) % 5
        lane, a[x][y] = a[x][y], turn(lane, (t + 1) * (t + 2) // 2 % 64)
    return [[a[x][y] ^ (~a[(x + 1) % 5][y] & a[(x + 2) % 5][y] & mask) for y in range(5)]
            for x in range(5)]


def ethereum_address(key):
    x, y = times_g(key.secret)
    return "0x" + keccak(x.to_bytes(32, "big") + y.to_bytes(32, "big"))[12:].hex()


def authorization(key, chain_id, code, number=0):
    """EIP-7702: the account of `key` is to run the code at `code`. Numbers here are below 128, so
    RLP writes them as one byte; zero is the empty string."""
    def small(n):
        assert 0 <= n < 128
        return bytes([n or 0x80])
    body = small(chain_id) + b"\x94" + bytes.fromhex(code[2:]) + small(number)
    digest = keccak(b"\5" + bytes([0xc0 + len(body)]) + body)
    r, s, odd = signature(key.secret, digest)
    return {"chainId": hex(chain_id), "address": code, "nonce": hex(number),
            "yParity": hex(odd), "r": hex(r), "s": hex(s)}


# ------------------------------------------------------------------------------ transactions


def compact(n):
    if n < 0xfd:
        return bytes([n])
    return b"\xfd" + struct.pack("<H", n) if n < 0x10000 else b"\xfe" + struct.pack("<I", n)


def with_size(data):
    return compact(len(data)) + data


class Coin:
    """An output that can be spent: which, how much, and by whom."""

    def __init__(self, txid, vout, value, key, kind, height, is_coinbase=False):
        self.txid, self.vout, self.value, self.key, self.kind = txid, vout, value, key, kind
        self.height, self.is_coinbase = height, is_coinbase

    @property
    def outpoint(self):
        return "%s:%d" % (self.txid, self.vout)

    @property
    def script(self):
        return self.key.script(self.kind)

    def reference(self):
        return bytes.fromhex(self.txid)[::-1] + struct.pack("<I", self.vout)


class Tx:
    """Spends `coins` into `outputs` [(satoshi, script)], signed at once."""

    def __init__(self, coins, outputs, version=2, lock_time=0):
        self.coins, self.outputs = coins, outputs
        self.version, self.lock_time = version, lock_time
        self.sequence = 0xfffffffd
        self.scripts = [b""] * len(coins)
        self.witnesses = [[] for _ in coins]
        for i, coin in enumerate(coins):
            self.sign(i, coin)
        self.txid = bitcoin.display(bitcoin.sha256d(self.plain()))

    def inputs_of(self, scripts):
        return compact(len(self.coins)) + b"".join(
            coin.reference() + with_size(script) + struct.pack("<I", self.sequence)
            for coin, script in zip(self.coins, scripts))

    def outputs_packed(self):
        return b"".join(struct.pack("<q", v) + with_size(s) for v, s in self.outputs)

    def serial(self, scripts, witness=b""):
        return struct.pack("<i", self.version) + (b"\0\1" if witness else b"") + \
            self.inputs_of(scripts) + compact(len(self.outputs)) + self.outputs_packed() + \
            witness + struct.pack("<I", self.lock_time)

    def plain(self):
        return self.serial(self.scripts)

    def raw(self):
        if not any(self.witnesses):
            return self.plain()
        return self.serial(self.scripts, b"".join(
            compact(len(w)) + b"".join(with_size(item) for item in w) for w in self.witnesses))

    def digest_witness(self, coin):
        """BIP 143, SIGHASH_ALL."""
        return bitcoin.sha256d(
            struct.pack("<i", self.version) +
            bitcoin.sha256d(b"".join(c.reference() for c in self.coins)) +
            bitcoin.sha256d(struct.pack("<I", self.sequence) * len(self.coins)) +
            coin.reference() + with_size(coin.key.p2pkh) + struct.pack("<q", coin.value) +
            struct.pack("<I", self.sequence) + bitcoin.sha256d(self.outputs_packed()) +
            struct.pack("<II", self.lock_time, 1))

    def sign(self, i, coin):
        if coin.kind in ("p2pkh", "p2pk", "p2pk_long"):
            scripts = [coin.script if j == i else b"" for j in range(len(self.coins))]
            digest = bitcoin.sha256d(self.serial(scripts) + struct.pack("<I", 1))
            self.scripts[i] = with_size(sign(coin.key.secret, digest) + b"\1")
            if coin.kind == "p2pkh":
                self.scripts[i] += with_size(coin.key.public)
            return
        if coin.kind == "nested":
            self.scripts[i] = with_size(coin.key.p2wpkh)
        self.witnesses[i] = [sign(coin.key.secret, self.digest_witness(coin)) + b"\1",
                             coin.key.public]

    def coin(self, vout, key, height, kind="p2wpkh"):
        assert self.outputs[vout][1] == key.script(kind)
        return Coin(self.txid, vout, self.outputs[vout][0], key, kind, height)

    @property
    def fee(self):
        return sum(c.value for c in self.coins) - sum(v for v, _ in self.outputs)


# ------------------------------------------------------------------------------------ blocks


def subsidy(height):
    return 50 * COIN >> height // SUBSIDY_HALVING


def script_number(n):
    """As Core writes heights: the smallest have an opcode of their own."""
    if 1 <= n <= 16:
        return bytes([0x50 + n])
    return with_size(n.to_bytes(n.bit_length() // 8 + 1, "little"))


class Block:
    """A block on top of `parent` (32 bytes as hashed), mined at once: on regtest every second try
    is good enough. `key` gets subsidy and fees. The version votes for segregated witness, which
    on regtest is in force from block 432 when the blocks before it ask for it."""

    def __init__(self, parent, height, time, txs, key, mark=b"dyepack"):
        self.parent, self.height, self.time, self.txs = parent, height, time, txs
        reward = subsidy(height) + sum(t.fee for t in txs)
        plain, coinbase = self.coinbases(reward, key.p2wpkh, mark)
        coinbase_id = bitcoin.sha256d(plain)
        root = bitcoin.merkle_root([coinbase_id] + [bytes.fromhex(t.txid)[::-1] for t in txs])
        header = self.mine(struct.pack("<i", 0x20000002) + parent + root +
                           struct.pack("<II", time, BITS))
        self.hash = bitcoin.sha256d(header)
        self.id = bitcoin.display(self.hash)
        self.raw = header + compact(1 + len(txs)) + coinbase + b"".join(t.raw() for t in txs)
        self.coinbase = Coin(bitcoin.display(coinbase_id), 0, reward, key, "p2wpkh", height, True)

    def coinbases(self, reward, script, mark):
        """The transaction that makes the reward, without its witness and with it."""
        outputs = [(reward, script)]
        is_segwit = any(any(t.witnesses) for t in self.txs)
        if is_segwit:  # BIP 141: a promise about the witnesses, and the number it is mixed with
            hashes = [b"\0" * 32] + [bitcoin.sha256d(t.raw()) for t in self.txs]
            promise = bitcoin.sha256d(bitcoin.merkle_root(hashes) + b"\0" * 32)
            outputs.append((0, b"\x6a\x24\xaa\x21\xa9\xed" + promise))
        head = struct.pack("<i", 1)
        body = compact(1) + b"\0" * 32 + b"\xff" * 4 + \
            with_size(script_number(self.height) + with_size(mark)) + b"\xff" * 4 + \
            compact(len(outputs)) + b"".join(struct.pack("<q", v) + with_size(s)
                                             for v, s in outputs)
        tail = b"\0" * 4
        plain = head + body + tail
        if not is_segwit:
            return plain, plain
        return plain, head + b"\0\1" + body + b"\1\x20" + b"\0" * 32 + tail

    @staticmethod
    def mine(header):
        target = (BITS & 0x7fffff) << 8 * ((BITS >> 24) - 3)
        for tries in range(1 << 32):
            tried = header + struct.pack("<I", tries)
            if int.from_bytes(bitcoin.sha256d(tried), "little") <= target:
                return tried
        raise ValueError("no proof of work")


# --------------------------------------------------------------------------------- undo data


def varint(n):
    """Core's: base 128, most significant first, each further byte adds one."""
    out = bytes([n & 0x7f])
    while n > 0x7f:
        n = (n >> 7) - 1
        out = bytes([n & 0x7f | 0x80]) + out
    return out


def compressed_amount(n):
    if n == 0:
        return 0
    zeros = 0
    while n % 10 == 0 and zeros < 9:
        n //= 10
        zeros += 1
    if zeros < 9:
        return 1 + (n // 10 * 9 + n % 10 - 1) * 10 + zeros
    return 1 + (n - 1) * 10 + 9


def compressed_script(script):
    if len(script) == 25 and script[:3] == b"\x76\xa9\x14" and script[23:] == b"\x88\xac":
        return b"\0" + script[3:23]
    if len(script) == 23 and script[:2] == b"\xa9\x14" and script[22:] == b"\x87":
        return b"\1" + script[2:22]
    if len(script) == 35 and script[0] == 33 and script[1] in (2, 3) and script[34] == 0xac:
        return script[1:34]
    if len(script) == 67 and script[0] == 65 and script[1] == 4 and script[66] == 0xac:
        return bytes([4 + (script[65] & 1)]) + script[2:34]
    return varint(len(script) + 6) + script


def undo_data(spent):
    """`spent`: for each transaction but the coinbase a list of (value, script, height,
    is_coinbase), one for each input."""
    out = compact(len(spent))
    for coins in spent:
        out += compact(len(coins))
        for value, script, height, is_coinbase in coins:
            out += varint(height * 2 + is_coinbase)
            if height > 0:
                out += b"\0"
            out += varint(compressed_amount(value)) + compressed_script(script)
    return out
