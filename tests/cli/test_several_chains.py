"""Cases over several chains from the command line: stolen ether goes through THORChain into bitcoin
and there through a peel, both chains made up and small.

Whatever the order in which the sources are named, whether they are exports or a ledger, followed at
once or broken off and gone on with, the result is the same to the byte, and its books add up.
"""
# Covers: cli/trace.c cli/run.c cli/source_groups.c cli/rollback.c engine/case.c engine/exchange.c
import datetime
import hashlib
import json
import os
import unittest

import dye
from test_exports import csv_text, json_text, name, trace

VICTIM, THIEF, MULE, SHOP = ("0x" + c * 40 for c in "1234")
MINER = "0x" + "9" * 40
ROUTER = "0xd37bbe5744d730a1d98d8dc97c42f0ca46ad7146"
VAULT = "0x" + "7a" * 20
DEPOSIT = "0xef519b7eb82aaf6ac376a6df2d793843ebfd593de5f1a0601d3cc6ab49ebb395"
ETHER, COIN = 10 ** 18, 10 ** 8
FIRST, FIRST_BTC = 21900000, 885000
TIME = 1740150000
GAS, PRICE, BASE = 30000, 9 * 10 ** 9, 7 * 10 ** 9


def base58(payload):
    payload += hashlib.sha256(hashlib.sha256(payload).digest()).digest()[:4]
    number, text = int.from_bytes(payload, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        text = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"[digit] + text
    return "1" * (len(payload) - len(payload.lstrip(b"\0"))) + text


class Wallet:
    """An address of bitcoin, by a number."""

    def __init__(self, number):
        self.hash = bytes([number]) * 20
        self.text = base58(b"\0" + self.hash)
        self.script = "76a914" + self.hash.hex() + "88ac"


ASGARD, THERE, PEEL, REST, OTHERS = (Wallet(n) for n in (11, 12, 13, 14, 15))


def word(number):
    return "%064x" % number


def deposit_log(vault, amount, memo):
    """Deposit(address indexed to, address indexed asset, uint256 amount, string memo)."""
    body = memo.encode()
    padded = body.hex().ljust((len(body) + 31) // 32 * 64, "0")
    return ([DEPOSIT, "0x" + word(int(vault, 16)), "0x" + word(0)],
            "0x" + word(amount) + word(64) + word(len(body)) + padded)


class Ethereum:
    """Blocks of ethereum-etl. Money is stolen in block 1, deposited in `deposit`."""

    def __init__(self, deposit=3, blocks=40):
        self.rows = {k: [] for k in ("blocks", "transactions", "receipts", "logs", "traces")}
        self.log = self.nonce = 0
        for b in range(blocks):
            txs = []
            if b == 1:
                txs.append((VICTIM, THIEF, 5 * ETHER, []))
            if b == deposit:
                txs.append((THIEF, ROUTER, 2 * ETHER,
                            ["=:BTC.BTC:%s:0/1/0" % THERE.text]))
            if b == 30:
                txs.append((THIEF, SHOP, ETHER, []))
            if not txs:
                txs.append((MULE, SHOP, b + 1, []))
            self.block(b, txs)

    @staticmethod
    def txid(block):
        return name(0xe0000 + block * 16)

    def block(self, b, txs):
        self.rows["blocks"].append({
            "number": FIRST + b, "hash": name(0xb00 + b), "parent_hash": name(0xb00 + b - 1),
            "miner": MINER, "difficulty": 0, "timestamp": TIME + 60 * b,
            "transaction_count": len(txs), "base_fee_per_gas": BASE})
        for index, (sender, to, value, memos) in enumerate(txs):
            place = {"transaction_hash": name(0xe0000 + b * 16 + index),
                     "transaction_index": index, "block_number": FIRST + b}
            self.rows["transactions"].append({
                "hash": place["transaction_hash"], "nonce": self.nonce,
                "block_hash": name(0xb00 + b), "block_number": FIRST + b,
                "transaction_index": index, "from_address": sender, "to_address": to,
                "value": value, "gas": 90000, "gas_price": PRICE, "input": "0x",
                "block_timestamp": TIME + 60 * b})
            self.nonce += 1
            self.rows["receipts"].append(dict(
                place, cumulative_gas_used=GAS, gas_used=GAS, contract_address=None, status=1,
                effective_gas_price=PRICE))
            self.rows["traces"].append(trace(place, sender, to, 0, True, []))
            self.rows["traces"][-1]["value"] = value
            for memo in memos:
                self.rows["traces"].append(trace(place, to, VAULT, 0, True, [0]))
                self.rows["traces"][-1]["value"] = value
                topics, data = deposit_log(VAULT, value, memo)
                self.rows["logs"].append(dict(place, log_index=self.log, address=ROUTER,
                                              data=data, topics=topics))
                self.log += 1

    def write(self, test, folder):
        os.makedirs(test.path(folder), exist_ok=True)
        for table, rows in self.rows.items():
            if rows:
                test.write(os.path.join(folder, table + ".csv"), csv_text(rows))
        return test.path(folder)


class Bitcoin:
    """Lines of bitcoin-etl. The vault pays in block `payout`, which is a block of ten minutes."""

    def __init__(self, paid_for, payout=1, blocks=5, offset=600):
        self.lines, self.last = [], {}
        self.blocks, self.offset = blocks, offset
        for b in range(blocks):
            self.tx(b, 0, [], [(OTHERS, 312500000)])
            if b == payout:
                memo = b"OUT:" + paid_for[2:].upper().encode()
                self.payout = self.tx(
                    b, 1, [(name(1)[2:], 0, ASGARD, 9 * COIN)],
                    [(THERE, 5000000), (ASGARD, 9 * COIN - 5001000),
                     ("6a" + "%02x" % len(memo) + memo.hex(), 0)])
            if b == payout + 1:
                self.peel = self.tx(b, 1, [(self.payout, 0, THERE, 5000000)],
                                    [(PEEL, 1000000), (REST, 3999000)])

    def tx(self, block, index, spends, pays):
        txid = "%064x" % (0xb17c0000 + block * 16 + index)
        outputs = []
        for i, (to, value) in enumerate(pays):
            data = isinstance(to, str)
            outputs.append({
                "index": i, "script_hex": to if data else to.script, "value": value,
                "type": "nulldata" if data else "pubkeyhash", "required_signatures": None,
                "addresses": [] if data else [to.text]})
        self.lines.append({
            "type": "transaction", "hash": txid, "lock_time": 0,
            "block_number": FIRST_BTC + block, "block_hash": "%064x" % (0xbb00 + block),
            "block_timestamp": TIME - 60 + self.offset * block, "is_coinbase": index == 0,
            "index": index,
            "inputs": [{"index": i, "spent_transaction_hash": t, "spent_output_index": n,
                        "script_hex": "", "sequence": 0xffffffff, "type": "pubkeyhash",
                        "addresses": [w.text], "value": value, "required_signatures": None}
                       for i, (t, n, w, value) in enumerate(spends)],
            "outputs": outputs})
        return txid

    def write(self, test, file):
        return test.write(file, json_text(self.lines))


class SeveralChains(dye.Case):
    def setUp(self):
        super().setUp()
        self.make()

    def make(self, payout=1, offset=600):
        self.eth = Ethereum()
        self.btc = Bitcoin(Ethereum.txid(3), payout, offset=offset)
        self.eth_dir = self.eth.write(self, "eth")
        self.btc_file = self.btc.write(self, "btc.json")
        self.yaml = self.case("hop", stolen=[{"address": THIEF, "tx": Ethereum.txid(1)}])

    def both(self, *args, **more):
        return self.trace(self.yaml, self.eth_dir, self.btc_file, *args, **more)

    def check(self, text, swapped=2 * ETHER):
        """The money is where it was sent, in both units, and adds up."""
        result = json.loads(text)
        self.assertTrue(result["conserved"])
        stolen = result["stolen"][0]
        self.assertEqual(int(stolen["units"]), 5 * ETHER)
        self.assertEqual(sum(int(n) for n in stolen["buckets"].values()), 5 * ETHER)
        there = {h["address"]: h for h in result["holders"]}
        self.assertIn(PEEL.text, there)
        self.assertIn(REST.text, there)
        self.assertEqual(int(there[PEEL.text]["amount"]), 1000000)
        self.assertEqual(int(there[REST.text]["amount"]), 3999000)
        came = int(there[PEEL.text]["origin"]) + int(there[REST.text]["origin"])
        # 1,000 of 5,000,000 satoshis went to the miner.
        self.assertEqual(came, swapped - swapped * 1000 // 5000000)
        return result

    def test_stolen_ether_is_followed_into_bitcoin_and_split(self):
        self.check(self.both())

    def test_the_order_of_the_sources_does_not_matter(self):
        one = self.both()
        self.assertEqual(self.trace(self.yaml, self.btc_file, self.eth_dir), one)
        self.assertEqual(self.trace(self.yaml, "bitcoin=" + self.btc_file,
                                    "ethereum=" + self.eth_dir), one)

    def test_a_payout_that_is_read_before_its_deposit_is_gone_back_for(self):
        """Bitcoin's clock is slow: all of its blocks are dated before the deposit."""
        self.make(payout=0, offset=10)
        self.check(self.both())
        said = dye.run("trace", self.yaml, self.eth_dir, self.btc_file, "--format", "json")
        self.assertEqual(said.returncode, 0)
        self.assertIn("gone back", said.stderr)
        self.assertEqual(said.stdout, self.both())

    def test_a_ledger_gives_the_same(self):
        ledger = self.path("ledger")
        self.done("import", self.eth_dir, "--ledger", ledger, "--quiet")
        self.done("import", self.btc_file, "--ledger", ledger, "--quiet")
        one = self.trace(self.yaml, "ledger:" + ledger)
        result = self.check(one)
        for plan in ("scan", "seek"):
            self.assertEqual(self.trace(self.yaml, "ledger:" + ledger, "--plan", plan), one)
        self.assertEqual(self.trace(self.yaml, "bitcoin=ledger:" + ledger,
                                    "ethereum=ledger:" + ledger), one)
        direct = json.loads(self.both())
        for key in ("stolen", "holders", "arrivals", "conserved", "buckets"):
            if key in direct:
                self.assertEqual(result[key], direct[key], key)
        self.make(payout=0, offset=10)
        late = self.path("late")
        self.done("import", self.eth_dir, "--ledger", late, "--quiet")
        self.done("import", self.btc_file, "--ledger", late, "--quiet")
        self.check(self.trace(self.yaml, "ledger:" + late))

    def test_broken_off_anywhere_and_gone_on_with(self):
        for payout, offset in ((1, 600), (0, 10)):
            self.make(payout, offset)
            whole = self.both()
            for until in (TIME + 30, TIME + 200, TIME + 700, TIME + 1300):
                with self.subTest(payout=payout, until=until - TIME):
                    book = self.path("%d-%d.casebook" % (payout, until))
                    moment = self.moment(until)
                    dye.run("trace", self.yaml, self.eth_dir, self.btc_file, "--casebook", book,
                            "--until", moment, "--quiet")
                    self.assertEqual(self.both("--casebook", book), whole)
                    # Once more, with nothing new.
                    self.assertEqual(self.both("--casebook", book), whole)

    @staticmethod
    def moment(seconds):
        return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime(
            "%Y-%m-%dT%H:%M:%SZ")

    def test_one_chain_first_and_the_other_later(self):
        whole = self.both()
        book = self.path("later.casebook")
        first = json.loads(self.trace(self.yaml, self.eth_dir, "--casebook", book))
        self.assertTrue(first["conserved"])
        self.assertEqual(int(first["stolen"][0]["buckets"]["unresolved"]), 2 * ETHER)
        self.assertEqual(self.both("--casebook", book), whole)
        # The path goes back over the bridge.
        path = self.done("path", book, "hop", PEEL.text)
        self.assertIn(THIEF.lower(), path.lower())

    def test_rollback_takes_back_on_both_chains(self):
        whole = self.both()
        book = self.path("back.casebook")
        self.both("--casebook", book)
        self.refused("rollback", book, "hop", FIRST + 2, says=["--chain", "ethereum", "bitcoin"])
        self.refused("rollback", book, "hop", FIRST + 2, "--chain", "litecoin",
                     says=["litecoin", "but on"])
        said = self.done("rollback", book, "hop", FIRST + 2, "--chain", "ethereum")
        self.assertIn("ethereum: undid 37 blocks", said)
        self.assertIn("bitcoin: undid", said)
        self.assertEqual(self.both("--casebook", book), whole)
        said = self.done("rollback", book, "hop", FIRST_BTC + 2, "--chain", "bitcoin")
        self.assertIn("bitcoin: undid 2 blocks; the last block is %d now" % (FIRST_BTC + 2), said)
        self.assertNotIn("ethereum", said)
        self.assertEqual(self.both("--casebook", book), whole)

    def test_entries_of_the_other_chain_count_there(self):
        self.yaml = self.case(
            "hop", stolen=[{"address": THIEF, "tx": Ethereum.txid(1)}],
            services=[{"chain": "bitcoin", "address": PEEL.text, "name": "An Exchange"}])
        result = json.loads(self.both())
        self.assertTrue(result["conserved"])
        self.assertEqual([(a["service"], int(a["amount"])) for a in result["arrivals"]],
                         [("An Exchange", 1000000)])

    def test_a_link_of_the_case_goes_to_the_other_chain(self):
        """No bridge proves it; a person says so."""
        self.yaml = self.case(
            "hop", stolen=[{"address": THIEF, "tx": Ethereum.txid(1)}],
            links=[{"from": THIEF, "assets": ["eth"], "txs": [Ethereum.txid(30)],
                    "to_chain": "bitcoin", "to": OTHERS.text, "to_tx": "%064x" % (0xb17c0000 + 64),
                    "amount": "3.125", "by": "the swapper's letter"}])
        result = json.loads(self.both())
        self.assertTrue(result["conserved"])
        there = [h for h in result["holders"] if h["address"] == OTHERS.text]
        self.assertEqual([(int(h["amount"]), int(h["origin"])) for h in there],
                         [(312500000, ETHER)])
        stated = [n for n in result["links"] if n["kind"] == "accepted"]
        self.assertEqual([(n["amount"], n["complete"], n["origin"][0]["units"]) for n in stated],
                         [("312500000", True, str(ETHER))])
        claimed = [n for n in result["links"] if n.get("by") == "the swapper's letter"
                   and n["kind"].startswith("bridge")]
        self.assertEqual([n["confidence"] for n in claimed], [0, 0])

    def test_what_is_stolen_where_nobody_looks_is_refused(self):
        yaml = self.case("two", stolen=[{"address": THIEF, "tx": Ethereum.txid(1)},
                                        {"chain": "bitcoin", "outpoint": "11" * 32 + ":0"}])
        self.refused("trace", yaml, self.eth_dir, "--quiet",
                     says=["two.yaml:3", "no source of bitcoin"])

    def test_what_cannot_be_told_is_asked_for(self):
        yaml = self.case("two", stolen=[{"address": THIEF, "tx": Ethereum.txid(1)},
                                        {"chain": "polygon", "address": THIEF, "amount": "1"}])
        self.refused("trace", yaml, self.eth_dir, "--quiet",
                     says=["cannot be told", "ethereum, polygon", "ethereum=SOURCE"])
        self.refused("trace", self.yaml, "etherum=" + self.eth_dir, "--quiet",
                     says=["did you mean 'ethereum'"])
        self.refused("trace", self.yaml, "ethereum=", "--quiet", says=["names no source"])
        self.refused("trace", self.yaml, self.eth_dir, self.btc_file, "--until", FIRST, "--quiet",
                     says=["one chain's", "2 chains"])


if __name__ == "__main__":
    unittest.main()
