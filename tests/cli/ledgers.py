"""Made-up ledgers for the tests of the command line: movements CSV that a given seed always makes
the same, and the same ledger as a world of the model.

The amounts are chosen to be unpleasant: odd numbers of wei, transfers of everything, of more than
there is, of nothing, to oneself, failed ones, fees, decoys, several movements in a transaction.
"""
import random

HEADER = "block,time,tx,index,kind,from,to,asset,contract,amount_base,status\n"
TIME_FIRST = 1_700_000_000
USDT = "0xdac17f958d2ee523a2206206994597c13d831ec7"
DECOY = "0x00000000000000000000000000000000deadc0de"


def address(n):
    return "0x%040x" % (0x1000_0000_0000 + n * 0x0101_0101)


def txid(block, index, salt=0):
    return "0x%064x" % ((block << 96) + (index << 64) + (salt << 32) + 0xabc)


class Accounts:
    """An account ledger: self.blocks is a list of (height, time, [tx]), each tx a list of rows."""

    def __init__(self, seed, blocks, wallets=30, txs_max=4, salt=0):
        self.chance = random.Random(seed)
        self.wallets, self.salt = wallets, salt
        self.blocks = []
        for height in range(1, blocks + 1):
            time = TIME_FIRST + 12 * height
            txs = [self.tx(height, i) for i in range(self.chance.randint(1, txs_max))]
            self.blocks.append((height, time, txs))

    def amount(self):
        return self.chance.choice([self.chance.randint(1, 10 ** 18), self.chance.randint(1, 50),
                                   10 ** 18, 7 * 10 ** 19, self.chance.randint(1, 10 ** 20)])

    def row(self, kind=None):
        c = self.chance
        kind = kind or c.choice(["native"] * 6 + ["token"] * 3 + ["internal"] + ["decoy"])
        source, target = address(c.randrange(self.wallets)), address(c.randrange(self.wallets))
        if kind == "decoy":
            return {"kind": "token", "from": source, "to": target, "asset": "ETH",
                    "contract": DECOY, "amount": self.amount(), "failed": False, "model": None}
        amount = self.amount()
        if kind == "token":
            amount = 0 if c.random() < 0.1 else amount // 10 ** 10 + 1
        return {"kind": kind, "from": source, "to": target,
                "asset": "USDT" if kind == "token" else "ETH",
                "contract": USDT if kind == "token" else "", "amount": amount,
                "failed": kind == "internal" and c.random() < 0.3,
                "model": "usdt" if kind == "token" else "eth"}

    def tx(self, height, index):
        c = self.chance
        rows = [self.row() for _ in range(c.randint(1, 3))]
        if c.random() < 0.5:
            rows.append({"kind": "fee", "from": rows[0]["from"], "to": "", "asset": "ETH",
                         "contract": "", "amount": c.randint(1, 10 ** 15), "failed": False,
                         "model": "eth"})
        return {"id": txid(height, index, self.salt), "index": index, "rows": rows}

    def csv(self, first=1, last=None, rows_max=None):
        """The rows of these blocks, at most so many."""
        lines = [HEADER]
        for height, time, txs in self.blocks:
            if height < first or (last is not None and height > last):
                continue
            for tx in txs:
                lines += ["%d,%d,%s,%d,%s,%s,%s,%s,%s,%d,%s\n" % (
                    height, time, tx["id"], tx["index"], r["kind"], r["from"], r["to"],
                    r["asset"], r["contract"], r["amount"], "failed" if r["failed"] else "ok")
                    for r in tx["rows"]]
        return "".join(lines if rows_max is None else lines[:rows_max + 1])

    def arrivals(self, symbol):
        """(height, txid, address, amount) of every transfer of a genuine asset that has value and
        whose address gets nothing else of it in that transaction."""
        for height, _, txs in self.blocks:
            for tx in txs:
                good = [r for r in tx["rows"] if r["model"] == symbol and r["kind"] != "fee"
                        and not r["failed"] and r["amount"]]
                targets = [r["to"] for r in good]
                for r in good:
                    if targets.count(r["to"]) == 1:
                        yield height, tx["id"], r["to"], r["amount"]

    def world(self, policy, seeds, **more):
        txs = [{"id": tx["id"], "block": height, "time": time, "moves": [
            {"kind": r["kind"], "from": r["from"], "to": r["to"] or None, "asset": r["model"],
             "amount": r["amount"], "failed": r["failed"]} for r in tx["rows"]]}
            for height, time, txs in self.blocks for tx in txs]
        return {"kind": "account", "policy": policy, "txs": txs, "seeds": seeds, **more}
