"""A real swap over THORChain, out of a ledger: notes (event logs and memos) come through import,
the tail and segments, and are found again by index and by columns.

The deposit is Ethereum's transaction 0x5d04d797... of block 19072119 (1.35 ether for bitcoin, from
../shared/data/thorchain): its sender, router, vault, amount, memo and receiver are real. Its
payout is not among the data: a bitcoin transaction stands for it which pays the real receiver and
names the real deposit, out of a vault made up.
"""
# Covers: ledger/note_cell.c ledger/segment_note.c ledger/build_note.c ledger/verify_notes.c
import json
import os
import random
import shutil
import unittest

import dye
from test_exports import csv_text, json_text, trace
from test_several_chains import deposit_log

SMALL = {**os.environ, "DYEPACK_UNIT_ROWS": "16", "DYEPACK_FINAL_BLOCKS": "2"}
VICTIM, OTHER, MINER = ("0x" + c * 40 for c in "139")
FIRST_BTC, ASGARD, COIN = 827300, "12c6DSiU4Rq3P4ZxziKxzrL5LmMBrzjrJX", 10 ** 8
FROM, LATER = 25, 30  # blocks before the deposit, and behind it
PAID = 7600000        # satoshis; the memo accepts 7415381 and more


def real_deposit():
    with open(dye.data("thorchain", "transactions.json"), encoding="utf-8") as file:
        return next(t for t in json.load(file)["transactions"]
                    if t["tx_hash"].startswith("0x5d04d7971cd8"))


def script_of(address):
    """The output script of an address in base58."""
    number = 0
    for letter in address:
        number = number * 58 + \
            "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz".index(letter)
    payload = number.to_bytes(25, "big")[:21]
    return {0: "76a914%s88ac", 5: "a914%s87"}[payload[0]] % payload[1:].hex()


class ThorchainLedger(dye.Case):
    def setUp(self):
        super().setUp()
        self.deposit = real_deposit()
        self.memo = self.deposit["method_args"]["memo"]
        self.receiver = self.memo.split(":")[2]
        self.amount = int(self.deposit["value"])
        self.first = self.deposit["block_height"] - FROM
        self.time = self.deposit["timestamp"] - 12 * FROM
        self.rows = {k: [] for k in ("blocks", "transactions", "receipts", "logs", "traces")}
        self.theft = "0x%064x" % (1 << 200)
        for b in range(FROM + LATER):
            self.block(b)
        self.eth = self.path("eth")
        os.mkdir(self.eth)
        for table, rows in self.rows.items():
            self.write(os.path.join("eth", table + ".csv"), csv_text(rows))
        self.btc = self.write("btc.json", json_text(self.lines()))
        self.yaml = self.case("thor", stolen=[{"address": self.deposit["from"],
                                               "tx": self.theft}])
        self.ledger = self.path("ledger")

    def block(self, b):
        """Somebody pays somebody; in block 1 the theft, in its own block the deposit."""
        txs = [("0x%064x" % (0xabc00 + b), OTHER, VICTIM, 1000 + b, None)]
        if b == 1:
            txs.append((self.theft, VICTIM, self.deposit["from"], 2 * 10 ** 18, None))
        if b == FROM:
            txs.append((self.deposit["tx_hash"], self.deposit["from"], self.deposit["to"],
                        self.amount, self.memo))
        hashes = ["0x%064x" % (0xb10c << 64 | n) for n in (b, b + 1)]
        self.rows["blocks"].append({
            "number": self.first + b, "hash": hashes[1], "parent_hash": hashes[0],
            "miner": MINER, "difficulty": 0, "timestamp": self.time + 12 * b,
            "transaction_count": len(txs), "base_fee_per_gas": 10})
        for index, (txid, sender, to, value, memo) in enumerate(txs):
            place = {"transaction_hash": txid, "transaction_index": index,
                     "block_number": self.first + b}
            self.rows["transactions"].append({
                "hash": txid, "nonce": b, "block_hash": hashes[1],
                "block_number": self.first + b, "transaction_index": index,
                "from_address": sender, "to_address": to, "value": value, "gas": 90000,
                "gas_price": 10, "input": "0x", "block_timestamp": self.time + 12 * b})
            self.rows["receipts"].append(dict(
                place, cumulative_gas_used=30000, gas_used=30000, contract_address=None, status=1,
                effective_gas_price=10))
            self.add(place, sender, to, value, [])
            if memo is None:
                continue
            vault = self.deposit["method_args"]["vault"]
            self.add(place, to, vault, value, [0])
            topics, data = deposit_log(vault, value, memo)
            self.rows["logs"].append(dict(place, log_index=0, address=to, data=data,
                                          topics=topics))

    def add(self, place, sender, to, value, path):
        self.rows["traces"].append(trace(place, sender, to, 0, True, path))
        self.rows["traces"][-1]["value"] = value

    def lines(self):
        out = "OUT:" + self.deposit["tx_hash"][2:].upper()
        for b in range(60):
            height, moment = FIRST_BTC + b, self.time + 120 * b
            yield self.coins(height, moment, 0, [], [(ASGARD, 5 * COIN)])
            if b == 8:
                yield self.coins(height, moment, 1, [("%064x" % 77, 0, ASGARD, 3 * COIN)],
                                 [(self.receiver, PAID), (ASGARD, 3 * COIN - PAID - 900),
                                  (out, 0)])

    @staticmethod
    def coins(height, moment, index, spends, pays):
        def output(i, to, value):
            memo = to.startswith("OUT:")
            script = "6a%02x" % len(to) + to.encode().hex() if memo else script_of(to)
            return {"index": i, "script_hex": script, "value": value,
                    "type": "nulldata" if memo else "pubkeyhash", "required_signatures": None,
                    "addresses": [] if memo else [to]}
        return {"type": "transaction", "hash": "%064x" % (height << 8 | index), "lock_time": 0,
                "block_number": height, "block_hash": "%064x" % (0xbb << 64 | height),
                "block_timestamp": moment, "is_coinbase": index == 0, "index": index,
                "inputs": [{"index": i, "spent_transaction_hash": t, "spent_output_index": n,
                            "script_hex": "", "sequence": 0xffffffff, "type": "pubkeyhash",
                            "addresses": [who], "value": value, "required_signatures": None}
                           for i, (t, n, who, value) in enumerate(spends)],
                "outputs": [output(i, to, value) for i, (to, value) in enumerate(pays)]}

    def fill(self, env=None):
        self.done("import", self.eth, "--ledger", self.ledger, "--quiet", env=env)
        self.done("import", self.btc, "--ledger", self.ledger, "--quiet", env=env)
        info = json.loads(self.done("ledger", "info", self.ledger, "--format", "json"))
        return {c["chain"]: c for c in info["chains"]}

    def check(self, text):
        result = json.loads(text)
        self.assertTrue(result["conserved"] and dye.adds_up(result))
        there = [h for h in result["holders"] if h["address"] == self.receiver]
        self.assertEqual([(int(h["amount"]), int(h["origin"])) for h in there],
                         [(PAID, self.amount)])
        self.assertEqual({n["protocol"] for n in result["links"]}, {"thorchain"})
        self.assertEqual(int(result["stolen"][0]["buckets"]["unresolved"]), 0)

    def follow(self, plan="auto"):
        return self.trace(self.yaml, "ledger:" + self.ledger, "--plan", plan)

    def test_out_of_the_tail_and_out_of_segments(self):
        self.check(self.trace(self.yaml, self.eth, self.btc))
        self.fill()
        tail = self.follow()
        self.check(tail)
        shutil.rmtree(self.ledger)
        chains = self.fill(SMALL)
        self.assertTrue(all(c["segment_count"] > 1 for c in chains.values()), chains)
        self.assertIn("all right", self.done("ledger", "verify", self.ledger, "--quiet"))
        for plan in ("scan", "seek", "auto"):
            with self.subTest(plan=plan):
                self.assertEqual(self.follow(plan), tail)

    def test_what_was_changed_or_cut_is_never_another_answer(self):
        """Wherever in the files it lies, and never a crash."""
        self.fill(SMALL)
        whole = self.follow()
        chance, noticed = random.Random(4), 0
        for folder, _, files in os.walk(self.ledger):
            for path in [os.path.join(folder, name) for name in sorted(files)]:
                with open(path, "rb") as file:
                    content = file.read()
                for _ in range(5 if content else 0):
                    at = chance.randrange(len(content))
                    broken = content[:at] + bytes([content[at] ^ 1 << chance.randrange(8)]) + \
                        content[at + 1:]
                    with open(path, "wb") as file:
                        file.write(chance.choice((broken, broken, content[:at])))
                    said = dye.run("trace", self.yaml, "ledger:" + self.ledger, "--quiet",
                                   "--format", "json")
                    self.assertIn(said.returncode, (0, 1), (path, at, said.stderr))
                    noticed += said.returncode
                    if said.returncode == 0 and not path.endswith(".tail"):
                        self.assertEqual(said.stdout, whole, (path, at))
                with open(path, "wb") as file:
                    file.write(content)
        self.assertGreater(noticed, 20)
        self.assertEqual(self.follow(), whole)


if __name__ == "__main__":
    unittest.main()
