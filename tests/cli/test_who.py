"""dyepack who: an address at one glance, the deposit addresses of a ledger and the pairs of
accounts that behaviour lets one infer; on made-up ledgers, on five real blocks and on a real theft.
"""
import base64
import collections
import csv
import io
import json
import os
import unittest

import dye

ETHER = 10 ** 18
USDC = "0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48"
HEADER = "block,time,tx,index,kind,from,to,asset,contract,amount_base,status\n"
BYBIT = os.path.join(dye.ROOT, "incidents", "bybit-2025-02", "movements.csv")
THIEF = "0x47666fab8bd0ac7003bce3f5c3585383f09486e2"
EXCHANGE, USER, DEPOSIT, FRIEND, FUNDER, TWIN = (
    "0x%03x%034x%03x" % (n * 0x111, n, n * 0x111) for n in (1, 2, 3, 4, 5, 6))
FORGED = TWIN[:8] + "7" * 30 + TWIN[-4:]


class Who(dye.Case):
    def ledger(self, source, *args, name="ledger"):
        folder = self.path(name)
        self.done("import", source, "--ledger", folder, "--quiet", *args)
        return folder

    def made(self, rows):
        """Transactions of one transfer each, which its sender signs and pays 21,000 for."""
        lines = [HEADER]
        for i, (block, source, target, asset, amount) in enumerate(rows):
            tx = "0x%064x" % (i + 1)
            kind = "native" if asset == "ETH" else "token"
            contract = {"ETH": "", "USDC": USDC}.get(asset, "0x%040x" % 0xbad)
            lines.append("%d,%d,%s,%d,fee,%s,,ETH,,21000,ok\n"
                         % (block, 1_700_000_000 + 12 * block, tx, i, source))
            lines.append("%d,%d,%s,%d,%s,%s,%s,%s,%s,%d,ok\n"
                         % (block, 1_700_000_000 + 12 * block, tx, i, kind, source, target,
                            asset.rstrip("?"), contract, amount))
        return self.ledger(self.write("made.csv", "".join(lines)), "--chain", "ethereum")

    def tags(self, *more):
        return self.write("tags.csv", "address,label,category,currency,actor\n"
                          + "%s,Great Exchange,exchange,ETH,great\n" % EXCHANGE + "".join(more))

    def ask(self, ledger, *args):
        return json.loads(self.done("who", "--ledger", ledger, *args, "--format", "json"))

    ROWS = ((10, EXCHANGE, FUNDER, "ETH", ETHER),
            (11, FUNDER, USER, "ETH", ETHER // 2),
            (12, USER, DEPOSIT, "ETH", ETHER // 4),
            (13, DEPOSIT, EXCHANGE, "ETH", ETHER // 4 - 21000),
            (14, FRIEND, DEPOSIT, "USDC", 700),
            (15, DEPOSIT, EXCHANGE, "USDC", 700),
            (16, USER, TWIN, "ETH", ETHER // 8),
            (17, USER, FORGED, "ETH?", ETHER // 8))


class Glance(Who):
    def test_everything_of_an_address_with_its_transactions(self):
        ledger, tags = self.made(self.ROWS), self.tags()
        user = self.ask(ledger, USER, "--tags", tags)
        self.assertEqual(user["tags"], [])
        self.assertEqual((user["activity"]["kind"], user["activity"]["transactions"]),
                         ("account", 4))
        steps = user["first_funder"]["steps"]
        self.assertEqual([s["address"].lower() for s in steps], [FUNDER, EXCHANGE])
        self.assertEqual(steps[0]["evidence"]["tx"], "0x%064x" % 2)
        self.assertEqual(steps[1]["tags"][0]["label"], "Great Exchange")
        ramp, = user["off_ramps"]
        self.assertEqual((ramp["service"].lower(), ramp["deposit_address"].lower(),
                          ramp["amount"], ramp["of"], ramp["inferred"]),
                         (EXCHANGE, DEPOSIT, str(ETHER // 4), str(ETHER // 4 + ETHER // 8), True))
        fake, = user["look_alikes"]
        self.assertEqual((fake["address"].lower(), fake["imitates"].lower(), fake["worthless"]),
                         (FORGED, TWIN, True))
        deposit = self.ask(ledger, DEPOSIT, "--tags", tags)["deposit_address"]
        self.assertIs(deposit["inferred"], True)
        self.assertEqual((deposit["pairs"], deposit["in"], deposit["senders"],
                          deposit["exclusive"]), (2, 2, 2, True))
        self.assertEqual([[e["in"]["tx"][-1], e["out"]["tx"][-1]] for e in deposit["evidence"]],
                         [["3", "4"], ["5", "6"]])

    def test_the_text_says_the_same(self):
        ledger, tags = self.made(self.ROWS), self.tags()
        text = self.done("who", "--ledger", ledger, USER, DEPOSIT, "--tags", tags)
        for words in ("an account", "66.66 % of what it sent: 0.25 ETH of 0.375 ETH",
                      "inferred: a deposit address of", "Great Exchange",
                      "passed on 2 of 2 transfers from 2 senders", "all to this exchange",
                      "3 first and"):
            self.assertIn(words, text.replace("6 first", "3 first"))
        self.assertLess(max(map(len, text.splitlines())), 250)

    def test_without_tags_nothing_is_inferred_of_exchanges(self):
        user = self.ask(self.made(self.ROWS), DEPOSIT)
        self.assertIsNone(user["deposit_address"])
        self.assertEqual(user["off_ramps"], [])

    def test_an_address_that_the_ledger_does_not_have(self):
        stranger = "0x%040x" % 99
        found = self.ask(self.made(self.ROWS), stranger)
        self.assertEqual(found["activity"], {"transactions": 0})
        self.assertIn("none in this ledger",
                      self.done("who", "--ledger", self.path("ledger"), stranger))

    def test_several_at_once_are_a_list(self):
        found = self.ask(self.made(self.ROWS), USER, FRIEND)
        self.assertEqual([f["address"].lower() for f in found], [USER, FRIEND])

    def test_the_same_key_on_another_chain_is_named(self):
        ledger = self.made(self.ROWS)
        rows = HEADER + "".join(
            "7,1700000000,0x%064x,0,%s,%s,%s,BNB,,%d,ok\n" % (9, kind, USER, to, amount)
            for kind, to, amount in (("fee", "", 5), ("native", FRIEND, 50)))
        self.done("import", self.write("bsc.csv", rows), "--chain", "bsc", "--ledger", ledger,
                  "--quiet")
        found = self.ask(ledger, USER, "--chain", "ethereum")
        other, = found["other_chains"]
        self.assertEqual((other["chain"], other["kind"], other["transactions"]),
                         ("bsc", "account", 1))
        self.assertIn("on bsc: an account of the same key",
                      self.done("who", "--ledger", ledger, USER, "--chain", "ethereum"))
        self.refused("who", "--ledger", ledger, USER,
                     says=["dyepack: %s: holds ledgers of several chains" % ledger, "bsc",
                           "ethereum"])

    def test_a_folder_without_a_ledger_is_named_once(self):
        os.mkdir(self.path("none"))
        for more in ([], ["--chain", "ethereum"]):
            line = self.refused("who", "--ledger", self.path("none"), USER, *more,
                                says=[": holds no ledger"])
            self.assertEqual(line.count(self.path("none")), 1)

    def test_misuse_is_told(self):
        ledger = self.made(self.ROWS)
        self.refused("who", USER, code=2, says=["--ledger"])
        self.refused("who", "--ledger", ledger, code=2, says=["address"])
        self.refused("who", "--ledger", ledger, USER, "--deposits", code=2, says=["one of them"])
        self.refused("who", "--ledger", ledger, USER, "--export", "x", code=2, says=["--deposits"])
        self.refused("who", "--ledger", ledger, USER, "--steps", "0", code=2, says=["--steps"])
        self.refused("who", "--ledger", ledger, "0x12", says=["0x12"])
        self.refused("who", "--ledger", self.path("no"), USER, says=["no"])


class Whole(Who):
    def test_an_exported_pack_is_read_back_as_inferred(self):
        ledger, tags, pack = self.made(self.ROWS), self.tags(), self.path("deposits.yaml")
        listed = self.ask(ledger, "--deposits", "--tags", tags, "--export", pack)
        self.assertEqual([d["address"].lower() for d in listed], [DEPOSIT])
        tag, = self.ask(ledger, DEPOSIT, "--tags", pack)["tags"]
        self.assertEqual((tag["label"], tag["inferred"], tag["category"], tag["confidence"],
                          tag["match"]),
                         ("deposit address of Great Exchange (inferred)", True, "exchange", 10,
                          "exact"))
        # It is inferred, too, where money went to it and the wallet itself is not known.
        self.assertEqual([(o["deposit_address"], o["inferred"]) for o in
                          self.ask(ledger, USER, "--tags", pack)["off_ramps"]], [(None, True)])
        # What was inferred proves nothing new: it is no wallet of an exchange.
        self.assertEqual(self.ask(ledger, "--deposits", "--tags", pack), [])

    def test_who_pays_others_too_is_listed_and_not_exported(self):
        # Following ends at what the pack names: one deposit must not hide what else is moved.
        rows = self.ROWS + ((18, DEPOSIT, FUNDER, "USDC", 1), (19, USER, FRIEND, "USDC", 9),
                            (20, FRIEND, EXCHANGE, "USDC", 9))
        ledger, tags, pack = self.made(rows), self.tags(), self.path("deposits.yaml")
        asked = dye.run("who", "--ledger", ledger, "--deposits", "--tags", tags, "--export", pack,
                        "--format", "json")
        self.assertEqual({d["address"].lower(): d["exclusive"] for d in json.loads(asked.stdout)},
                         {DEPOSIT: False, FRIEND: False})
        self.assertEqual(asked.returncode, 1)
        self.assertIn("is not written", asked.stderr)
        self.assertFalse(os.path.exists(pack))

    def test_a_pack_without_tags_is_not_written(self):
        ledger, pack = self.made(self.ROWS), self.path("deposits.yaml")
        result = dye.run("who", "--ledger", ledger, "--deposits", "--export", pack)
        self.assertEqual(result.returncode, 1)
        self.assertFalse(os.path.exists(pack) or os.path.exists(pack + ".part"))

    def test_pairs_of_a_shared_deposit_address_and_of_approvals(self):
        ledger, tags = self.made(self.ROWS), self.tags()
        approvals = self.write("approvals.csv", "owner,spender,tx\n%s,%s,0x%064x\n"
                               % (USER, FUNDER, 3))
        pairs = self.ask(ledger, "--pairs", "--tags", tags, "--approvals", approvals)
        self.assertEqual([(p["a"].lower(), p["b"].lower(), p["through"].lower()) for p in pairs],
                         [(USER, FRIEND, DEPOSIT), (USER, FUNDER, "")])
        self.assertEqual((pairs[0]["first"][-1], pairs[0]["second"][-1], pairs[1]["first"]),
                         ("3", "5", "0x%064x" % 3))
        self.write("approvals.csv", "owner,spender,tx\n0x12,%s,0x1\n" % FUNDER)
        self.refused("who", "--ledger", ledger, "--pairs", "--approvals", approvals,
                     says=["approvals.csv:2", "owner"])

    def test_chains_of_coins_have_clusters_instead(self):
        blocks = dye.data("bitcoin", "mainnet-1-255.dat")
        ledger = self.ledger(blocks, name="coins")
        self.refused("who", "--ledger", ledger, "--deposits", says=["dyepack cluster"])


def slow_deposits(rows, exchanges):
    """Deposit addresses by the definition, from a table of movements."""
    # The export lacks receipts of some transactions: who sends by one signed it all the same.
    signers = {r["from"] for r in rows if r["kind"] in ("fee", "native")}
    miners = {r["to"] for r in rows if r["kind"] in ("fee", "reward")}
    moves = [r for r in rows if r["kind"] in ("native", "internal", "token")
             and r["status"] == "ok" and r["known"] and int(r["amount_base"])
             and r["from"] != r["to"]]
    paid = collections.defaultdict(list)
    for place, r in enumerate(moves):
        paid[r["to"]].append(place)
    found = set()
    for place, r in enumerate(moves):
        if r["to"] not in exchanges or r["to"] not in signers:
            continue
        if r["from"] in exchanges or r["from"] in miners or r["from"] not in signers:
            continue
        slack = 10 ** 16 if r["asset"] == "ETH" else 0
        if any(i < place and moves[i]["asset"] == r["asset"]
               and moves[i]["contract"] == r["contract"]
               and 0 <= int(moves[i]["amount_base"]) - int(r["amount_base"]) <= slack
               for i in paid[r["from"]]):
            found.add(r["from"].lower())
    return found


class Real(Who):
    def test_five_real_blocks_against_the_definition(self):
        source = dye.data("ethereum", "mainnet-15000000-15000004")
        pack = dye.data("labels", "tagpacks", "etherscan-wordcloud-exchange.yaml")
        # The last block of the export's files is of two branches.
        ledger = self.ledger(source, "--until", "15000003")
        result = dye.run("who", "--ledger", ledger, "--deposits", "--tags", pack, "--format",
                         "json")
        self.assertEqual(result.returncode, 0, result.stderr)
        got = {d["address"].lower() for d in json.loads(result.stdout)}
        text = self.done("movements", ledger, "--quiet")
        rows = list(csv.DictReader(io.StringIO(text)))
        for r in rows:
            r["known"] = not r["contract"]  # it stands there for what is no listed asset
        tagged = set()
        for r in rows:
            tagged |= {r["from"], r["to"]}
        tagged = sorted(a for a in tagged if a.startswith("0x"))
        asked = dye.run("who", "--ledger", ledger, *tagged, "--tags", pack, "--format", "json")
        self.assertEqual(asked.returncode, 0, asked.stderr)
        found = json.loads(asked.stdout)
        exchanges = {f["address"] for f in found
                     if any(t["category"] == "exchange" and t["match"] == "exact"
                            for t in f["tags"])}
        self.assertEqual(got, slow_deposits(rows, exchanges))
        # By hand: 0.609724... ETH came, 0.609073... went to Coinbase five blocks later.
        self.assertIn("0xb1f0a1109a8f6d1b5492eb6df31285c97cbac5ac", got)
        # Who signs is an account; the reference says which are contracts.
        with open(dye.data("ethereum", "mainnet-15000000-15000004", "reference",
                           "addresses.json"), encoding="utf-8") as file:
            contracts = {"0x" + base64.b64decode(a["address"]).hex()
                         for a in map(json.loads, file) if a["isContract"]}
        accounts = {f["address"].lower() for f in found
                    if f["activity"].get("kind") == "account"}
        self.assertGreater(len(accounts), 150)
        self.assertFalse(accounts & contracts)

    def test_decoys_of_a_real_theft_are_look_alikes_and_no_wallet_is(self):
        ledger = self.ledger(BYBIT, "--chain", "ethereum")
        thief = self.ask(ledger, THIEF)
        with open(BYBIT, encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        genuine = {r["to"].lower() for r in rows if r["from"].lower() == THIEF
                   and r.get("asset", "ETH") == "ETH" and r["contract"] == ""}
        fakes = {f["address"].lower() for f in thief["look_alikes"]}
        self.assertGreaterEqual(thief["look_alike_count"], len(fakes))
        self.assertGreater(len(fakes), 10)
        self.assertFalse(fakes & genuine)
        for f in thief["look_alikes"]:
            self.assertTrue(f["worthless"])
            self.assertGreaterEqual(min(f["first_digits"], f["last_digits"]), 3)

    def test_a_coin_and_who_paid_it(self):
        ledger = self.ledger(dye.data("bitcoin", "mainnet-1-255.dat"), name="coins")
        # Block 170: Satoshi's first payment, of 10 to Hal Finney and 40 back to himself.
        found = self.ask(ledger, "1Q2TWHE3GMdB6BZKafqwxXtWAWgFt5Jvm3")
        self.assertEqual((found["chain"], found["activity"]["height_first"]), ("bitcoin", 170))
        funder, = found["first_funder"]["inputs"]
        self.assertEqual(funder["address"], "12cbQLTFMXRnSzktFkuoG3eHoMeFtpTu3S")
        self.assertEqual((found["first_funder"]["evidence"]["amount"],
                          found["first_funder"]["coinjoin"]), (str(10 ** 9), "none"))
        self.assertIsNone(found["cluster"])
        self.assertIn("dyepack cluster",
                      self.done("who", "--ledger", ledger, "1Q2TWHE3GMdB6BZKafqwxXtWAWgFt5Jvm3"))


if __name__ == "__main__":
    unittest.main()
