"""Exports of Ethereum from the command line: ethereum-etl files and Etherscan downloads.

One small ledger is written as movements CSV, as ethereum-etl CSV and JSON lines (in order and not,
packed and not, as single files and as the folders of export_all) and as Etherscan downloads. All
give the same trace, because all say the same; what a form does not say stands among the
assumptions of the result, and in no other place.
"""
# Covers: source/ethereum_etl.c source/etherscan.c
import gzip
import json
import os
import random
import unittest

import dye

VICTIM, THIEF, MULE, SHOP, CONTRACT = ("0x" + c * 40 for c in "12345")
MINER = "0x" + "9" * 40
USDT = "0xdac17f958d2ee523a2206206994597c13d831ec7"
TRANSFER = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
ETHER = 10 ** 18
FIRST = 15600000
GAS, PRICE, BASE = 30000, 9 * 10 ** 9, 7 * 10 ** 9


def name(number):
    """A hash that tells ours apart."""
    return "0x%064x" % number


# (block, tx, from, to, ether, done, calls [(from, to, ether, done)], tokens [(from, to, units)])
TXS = [
    (0, 1, VICTIM, THIEF, 5, True, [], []),
    (1, 2, THIEF, MULE, 2, True, [], []),
    (1, 3, THIEF, CONTRACT, 1, True, [(CONTRACT, SHOP, 1, True), (CONTRACT, MULE, 3, False)], []),
    (2, 4, MULE, SHOP, 1, False, [], []),
    (3, 5, MULE, CONTRACT, 0, True, [], [(MULE, SHOP, 1500000)]),
    (4, 6, MULE, SHOP, 1, True, [], []),
]


def rows_of_etl():
    """Every file of ethereum-etl as a list of dicts."""
    out = {k: [] for k in ("blocks", "transactions", "receipts", "logs", "traces")}
    for b in range(5):
        out["blocks"].append({
            "number": FIRST + b, "hash": name(0xb00 + b), "parent_hash": name(0xb00 + b - 1),
            "miner": MINER, "difficulty": 0, "timestamp": 1700000000 + 12 * b,
            "transaction_count": sum(t[0] == b for t in TXS), "base_fee_per_gas": BASE})
    log = 0
    for at, (b, tx, sender, to, ether, done, calls, tokens) in enumerate(TXS):
        index = sum(t[0] == b for t in TXS[:at])
        place = {"transaction_hash": name(tx), "transaction_index": index,
                 "block_number": FIRST + b}
        out["transactions"].append({
            "hash": name(tx), "nonce": at, "block_hash": name(0xb00 + b),
            "block_number": FIRST + b, "transaction_index": index, "from_address": sender,
            "to_address": to, "value": ether * ETHER, "gas": 90000, "gas_price": PRICE,
            "input": "0x", "block_timestamp": 1700000000 + 12 * b})
        out["receipts"].append(dict(place, cumulative_gas_used=GAS, gas_used=GAS,
                                    contract_address=None, status=int(done),
                                    effective_gas_price=PRICE))
        out["traces"].append(trace(place, sender, to, ether, done, []))
        for i, (a, c, value, ok) in enumerate(calls):
            out["traces"].append(trace(place, a, c, value, ok, [i]))
        for a, c, units in tokens:
            out["logs"].append(dict(place, log_index=log, address=USDT, data=name(units),
                                    topics=[TRANSFER, name(int(a, 16)), name(int(c, 16))]))
            log += 1
    return out


def trace(place, sender, to, ether, done, path):
    return dict(place, from_address=sender, to_address=to, value=ether * ETHER, trace_type="call",
                call_type="call", reward_type=None, trace_address=path,
                error=None if done else "reverted", status=int(done))


def csv_text(rows):
    """Lists joined by commas and quoted, nothing for None: as ethereum-etl writes CSV."""
    def field(value):
        if isinstance(value, list):
            return '"%s"' % ",".join(str(v) for v in value) if value else ""
        return "" if value is None else str(value)
    lines = [",".join(rows[0])] + [",".join(field(v) for v in r.values()) for r in rows]
    return "\n".join(lines) + "\n"


def json_text(rows):
    return "".join(json.dumps(r) + "\n" for r in rows)


def movements():
    """The same as movements, with fees as this chain splits them."""
    lines = ["block,time,tx,kind,from,to,asset,amount_base"]
    burnt, tip = GAS * BASE, GAS * (PRICE - BASE)
    for b, tx, sender, to, ether, done, calls, tokens in TXS:
        def row(kind, a, c, asset, units, b=b, tx=tx):
            lines.append("%d,%d,%s,%s,%s,%s,%s,%d" % (FIRST + b, 1700000000 + 12 * b, name(tx),
                                                      kind, a, c, asset, units))
        if done:
            row("native", sender, to, "eth", ether * ETHER)
            for a, c, value, ok in calls:
                if ok:
                    row("internal", a, c, "eth", value * ETHER)
            for a, c, units in tokens:
                row("token", a, c, "usdt", units)
        row("fee", sender, "", "eth", burnt)
        row("fee", sender, MINER, "eth", tip)
    return "\n".join(lines) + "\n"


def download(address):
    """The address's normal and internal transactions as the website gives them, newest first."""
    coins = '"Value_IN(ETH)","Value_OUT(ETH)","CurrentValue @ $1/Eth"'
    normal, internal = [], []
    for b, tx, sender, to, ether, done, calls, _ in TXS:
        head = '"%s","%d","%d","2023-11-14 22:13:20",' % (name(tx), FIRST + b,
                                                          1700000000 + 12 * b)

        def sides(a, c, value):
            return '"%s","%s","0"' % (value if c == address else 0, value if a == address else 0)
        if address in (sender, to):
            normal.append(head + '"%s","%s","",%s,"0.00027","0","0","%s","","Transfer"' % (
                sender, to, sides(sender, to, ether), "" if done else "Error(0)"))
        for a, c, value, ok in calls:
            if address in (a, c):
                internal.append(head + '"%s","%s","%d","%s","%s","",%s,"0","%d","","call"' % (
                    sender, to, ether, a, c, sides(a, c, value), 0 if ok else 1))
    begin = '"Transaction Hash","Blockno","UnixTimestamp","DateTime (UTC)",'
    return [
        begin + '"From","To","ContractAddress",%s,"TxnFee(ETH)","TxnFee(USD)",'
        '"Historical $Price/Eth","Status","ErrCode","Method"\r\n' % coins +
        "".join(r + "\r\n" for r in reversed(normal)),
        begin + '"ParentTxFrom","ParentTxTo","ParentTxETH_Value","From","TxTo","ContractAddress",'
        '%s,"Historical $Price/Eth","Status","ErrCode","Type"\r\n' % coins +
        "".join(r + "\r\n" for r in reversed(internal))]


class Exports(dye.Case):
    """What every form must agree on."""

    def setUp(self):
        super().setUp()
        self.yaml = self.case("heist", stolen=[{"address": THIEF, "tx": name(1)}],
                              services=[{"address": SHOP, "name": "a shop"}])
        self.want = self.result(self.write("moves.csv", movements()))

    def result(self, *paths):
        """Everything of a trace but what it assumes, which is what forms differ in."""
        found = json.loads(self.trace(self.yaml, *paths))
        self.assertTrue(found["conserved"])
        self.assumptions = found.pop("assumptions", [])
        found.pop("notes", None)
        return found

    def files(self, folder, text, end, rows=None):
        os.makedirs(self.path(folder), exist_ok=True)
        return [self.write(os.path.join(folder, k + end), text(v))
                for k, v in (rows or rows_of_etl()).items()]

    def same(self, *paths):
        self.maxDiff = 20000
        self.assertEqual(self.result(*paths), self.want)

    def test_csv_and_json_lines_in_any_order_give_the_same_trace(self):
        self.same(*self.files("csv", csv_text, ".csv"))
        self.same(*self.files("json", json_text, ".json"))
        rows = rows_of_etl()
        for v in rows.values():
            random.Random(4).shuffle(v)
        self.same(*self.files("mixed", csv_text, ".csv", rows))

    def test_folders_are_recognised_packed_or_not(self):
        self.files("flat", csv_text, ".csv")
        self.same(self.path("flat"))
        for kind, rows in rows_of_etl().items():
            folder = "hive/%s/start_block=15600000/end_block=15600999" % kind
            os.makedirs(self.path(folder))
            self.write(os.path.join(folder, kind + "_15600000_15600999.csv.gz"),
                       gzip.compress(csv_text(rows).encode()))
        self.same(self.path("hive"))

    def test_what_is_missing_is_assumed_and_said(self):
        rows = rows_of_etl()
        del rows["traces"], rows["receipts"]
        self.result(*self.files("less", csv_text, ".csv", rows))
        without = list(self.assumptions)
        self.result(*self.files("all", csv_text, ".csv"))
        self.assertGreater(len(without), len(self.assumptions))

    def test_contradictions_are_refused_with_file_and_line(self):
        rows = rows_of_etl()
        rows["traces"].append(trace(dict(rows["receipts"][0], transaction_hash=name(99)), THIEF,
                                    MULE, 1, True, []))
        keep = list(rows["traces"][0])
        rows["traces"][-1] = {k: rows["traces"][-1].get(k) for k in keep}
        paths = self.files("bad", csv_text, ".csv", rows)
        self.refused("trace", self.yaml, *paths, "--quiet",
                     says=("traces.csv:%d:" % (len(rows["traces"]) + 1), "transactions"))

    def test_downloads_of_all_parties_give_the_same_holders(self):
        paths = [self.write("%s-%d.csv" % (a[:4], i), text)
                 for a in (VICTIM, THIEF, MULE, SHOP, CONTRACT)
                 for i, text in enumerate(download(a))]
        found = self.result(*paths)
        for key in ("stolen", "buckets"):
            self.assertEqual(found[key], self.want[key])
        self.assertEqual([(h["address"], h["amount"], h["origin"]) for h in found["holders"]],
                         [(h["address"], h["amount"], h["origin"]) for h in self.want["holders"]])
        self.assertGreater(len(self.assumptions), 0)

    def movements(self, *paths):
        """The movements, and what was told beside them."""
        done = dye.run("movements", "--chain", "ethereum", *paths)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout, done.stderr

    def test_downloads_give_the_same_in_every_order_of_the_files(self):
        paths = [self.write("%s-%d.csv" % (a[:4], i), text)
                 for a in (THIEF, MULE, CONTRACT) for i, text in enumerate(download(a))]
        want, told = self.movements(*paths)
        self.assertNotIn("has no file", told)
        for seed in range(8):
            random.Random(seed).shuffle(paths)
            self.assertEqual(self.movements(*paths)[0], want)

    def test_an_address_without_its_internal_file_is_named(self):
        thief, contract = download(THIEF), download(CONTRACT)
        paths = [self.write("a.csv", thief[0]), self.write("b.csv", contract[0]),
                 self.write("c.csv", contract[1])]
        self.assertIn("%s (%s) has no file of internal transactions" % (THIEF, paths[0]),
                      self.movements(*paths)[1])
        self.result(*paths)
        self.assertIn("no traces", str(self.assumptions))

    def test_a_lost_part_of_an_export_is_named_and_assumed(self):
        def told(folder, rows):
            paths = self.files(folder, csv_text, ".csv", rows)
            self.result(*paths)
            return self.movements(*paths)[1], str(self.assumptions)
        for b in (rows := rows_of_etl())["blocks"]:
            b["logs_bloom"] = "0x" + ("%0512x" % (b["number"] == FIRST + 3))
        self.assertNotRegex(told("whole", rows)[0], "block [0-9]")
        for kind, gap in (("logs", "token transfers"), ("traces", "traces"),
                          ("receipts", "fees")):
            less = dict(rows)
            less[kind] = [r for r in rows[kind] if r["block_number"] != FIRST + 3]
            if kind == "logs":  # of a block in which nothing moves
                less[kind] = [dict(rows["logs"][0], block_number=FIRST, topics=[TRANSFER],
                                   transaction_hash=name(1), transaction_index=0)]
            notice, assumed = told(kind, less)
            self.assertIn("block %d has" % (FIRST + 3), notice)
            self.assertIn(gap, assumed)
        less = {k: [r for r in v if r.get("block_number", r.get("number")) != FIRST + 2]
                for k, v in rows.items()}
        notice, assumed = told("hole", less)
        self.assertIn("block %d is in no file" % (FIRST + 2), notice)
        self.assertIn("leaves out 1 block in 1 place", assumed)

    def test_a_reward_that_stands_twice_is_refused(self):
        rows = rows_of_etl()
        reward = dict(rows["traces"][0], transaction_hash=None, transaction_index=None,
                      from_address=None, to_address=MINER, trace_type="reward", call_type=None,
                      reward_type="block")
        rows["traces"] += [reward, reward]
        paths = self.files("twice", csv_text, ".csv", rows)
        self.refused("trace", self.yaml, *paths, "--quiet", says=("repeats line",))

    def test_kinds_are_listed(self):
        listed = self.done("list", "sources")
        self.assertIn("eth-etl", listed)
        self.assertIn("etherscan", listed)


if __name__ == "__main__":
    unittest.main()
