"""`dyepack match --ledger`: who paid the first gas of two thefts' wallets, and which customer's
account both arrived at, out of a ledger. Made-up thefts; what must count, and what must not: a
service, a contract, the case's own money, gifts, a ledger that begins too late.
"""
# Covers: report/case_funders.c report/case_gas.c report/witness.c report/likeness_gas.c
# Covers: cli/match.c
import json
import re
import unittest

import dye

ETHER = 10 ** 18
USDC = "0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48"
HEADER = "block,time,tx,index,kind,from,to,asset,contract,amount_base,status\n"
FUNDER, ALICE, BOB, CAROL, DAVE, BANK, DEPOSIT, TOOL, LAZARUS, SIGNER, GIFTED, EVE, FRANK = (
    "0x%02x%036x%02x" % (n * 0x11, n, n * 0x11) for n in range(1, 14))
VICTIMS = ("0x" + "aa" * 20, "0x" + "bb" * 20)


def tx_id(no):
    return "0x%064x" % no


class Thefts(dye.Case):
    """ALICE steals from the first victim and passes on to CAROL and EVE, BOB from the second and to
    DAVE and FRANK. Rows: (block, from, to, amount), each a transaction that its sender signs and
    pays 21,000 wei for; with a fifth, who signs instead. Amounts are ether; as text, dollars."""
    THEFTS = ((20, VICTIMS[0], ALICE, 100), (21, VICTIMS[1], BOB, 200),
              (30, ALICE, CAROL, 60), (31, BOB, DAVE, 120),
              (40, CAROL, EVE, 30), (41, DAVE, FRANK, 70))
    # The same in a token, which gives nobody gas.
    DOLLARS = ((20, VICTIMS[0], ALICE, "1000"), (21, VICTIMS[1], BOB, "2000"),
               (30, ALICE, CAROL, "1000"), (31, BOB, DAVE, "2000"),
               (40, CAROL, EVE, "1000"), (41, DAVE, FRANK, "2000"),
               (50, EVE, SIGNER, "900"), (51, FRANK, TOOL, "1800"))

    def world(self, *rows, name="ledger", first=0, thefts=None):
        """Imports them with the thefts, from block `first` on."""
        self.thefts = thefts or self.THEFTS
        lines, self.tx = [HEADER], {}
        for no, row in enumerate(sorted(tuple(rows) + self.thefts, key=lambda r: r[0]), 1):
            block, source, target, amount = row[:4]
            signer = row[4] if len(row) > 4 else source
            self.tx[row[:3]] = tx_id(no)
            if block < first:
                continue
            place = "%d,%d,%s,%d" % (block, 1_700_000_000 + 12 * block, tx_id(no), no)
            what = "ETH,,%d" % round(amount * ETHER) if not isinstance(amount, str) else \
                "USDC,%s,%s000000" % (USDC, amount)
            kind = "token" if isinstance(amount, str) else \
                "native" if signer == source else "internal"
            lines.append("%s,fee,%s,,ETH,,21000,ok\n" % (place, signer))
            lines.append("%s,%s,%s,%s,%s,ok\n" % (place, kind, source, target, what))
        folder = self.path(name)
        self.done("import", self.write(name + ".csv", "".join(lines)), "--chain", "ethereum",
                  "--ledger", folder, "--quiet")
        return folder

    def traced(self, ledger, *more, **facts):
        """Both thefts in one casebook, out of the ledger."""
        cases = []
        for name, row in zip(("first", "second"), self.thefts):
            cases.append(self.case(name, stolen=[{
                "address": row[2], "asset": "usdc" if isinstance(row[3], str) else "eth",
                "amount": str(row[3]), "tx": self.tx[row[:3]]}], **facts))
        book = self.path("book")
        self.done("trace", *cases, "ledger:" + ledger, "--casebook", book, "--quiet", *more)
        return book

    def match(self, book, *args, case="first"):
        return json.loads(self.done("match", book, case, *args, "--format", "json"))

    def found(self, *rows, tags=None, **world):
        """Overlaps of the first case, and what was done for them."""
        ledger = self.world(*rows, **world)
        tags = ("--tags", tags) if tags else ()
        answer = self.match(self.traced(ledger, *tags), "--ledger", ledger, *tags)
        return answer["overlaps"], answer["first_gas"]

    def pack(self, *lines):
        return self.write("tags.csv", "address,label,category,currency,actor\n"
                          + "".join(line + "\n" for line in lines))


SHARED = ((10, FUNDER, ALICE, 1), (11, FUNDER, BOB, 1))


class FirstGas(Thefts):
    def test_one_payer_of_both_thieves_gas_is_found_with_both_transactions(self):
        overlaps, gas = self.found(*SHARED)
        one, = overlaps
        self.assertEqual((one["kind"], one["address"].lower(), one["with"], one["chain"],
                          one["their_chain"], one["weight_thousandths"]),
                         ("same-gas-funder", FUNDER, "second", "ethereum", "ethereum", 800))
        self.assertEqual(one["tx"], [self.tx[SHARED[0][:3]]])
        self.assertEqual(one["their_tx"], [self.tx[SHARED[1][:3]]])
        self.assertEqual((one["use"], one["their_use"]), (["first-gas"], ["first-gas"]))
        mine, theirs = gas["cases"]
        self.assertEqual((mine["case"], mine["wallets"], mine["asked"], mine["paid_from_outside"],
                          mine["paid_by_own_money"], mine["unknown"], mine["left_out"]),
                         ("first", 3, 3, 1, 1, 1, 0))
        self.assertEqual(theirs["case"], "second")

    def test_it_is_said_in_text_and_stix_too(self):
        ledger = self.world(*SHARED)
        book = self.traced(ledger)
        text = self.done("match", book, "first", "--ledger", ledger)
        flat = " ".join(text.split())
        self.assertRegex(flat, "(?i)%s: paid the first gas in both \\(first on ethereum, second "
                         "on ethereum\\)" % FUNDER)
        self.assertIn("first " + self.tx[SHARED[0][:3]], flat)
        self.assertIn("second " + self.tx[SHARED[1][:3]], flat)
        self.assertIn("first: asked for 3 of 3 wallets: 1 paid from outside the case, 1 by the "
                      "case's own money, 1 paid no fee that is known", flat)
        self.assertIn("begins at block 10", flat)
        self.assertLessEqual(max(map(len, text.splitlines())), 120)
        bundle = json.loads(self.done("match", book, "first", "--ledger", ledger, "--format",
                                      "stix"))
        note, = (o for o in bundle["objects"] if o["type"] == "note"
                 and "same-gas-funder" in o["content"])
        self.assertIn(self.tx[SHARED[1][:3]], note["content"])
        self.assertIn("first gas in both", note["abstract"])
        report, = (o for o in bundle["objects"] if o["type"] == "report")
        self.assertIn(note["id"], report["object_refs"])
        self.assertTrue(re.fullmatch("note--[0-9a-f-]{36}", note["id"]))

    def test_without_a_ledger_nothing_is_claimed(self):
        book = self.traced(self.world(*SHARED))
        answer = self.match(book)
        self.assertEqual(answer["overlaps"], [])
        self.assertIsNone(answer["first_gas"])
        self.assertNotIn("first gas", self.done("match", book, "first"))

    def test_it_holds_from_the_other_side(self):
        ledger = self.world(*SHARED)
        one, = self.match(self.traced(ledger), "--ledger", ledger, case="second")["overlaps"]
        self.assertEqual((one["kind"], one["with"], one["tx"]),
                         ("same-gas-funder", "first", [self.tx[SHARED[1][:3]]]))

    def test_an_exchange_pays_for_anybody(self):
        overlaps, gas = self.found(*SHARED, tags=self.pack(
            FUNDER + ",Great Exchange,exchange,ETH,great"))
        self.assertEqual(overlaps, [])
        dropped, = gas["not_counted"]
        self.assertEqual((dropped["address"].lower(), dropped["with"]), (FUNDER, "second"))
        self.assertIn("service", dropped["is"])

    def test_what_a_case_file_calls_a_service_is_one(self):
        ledger = self.world(*SHARED, (50, CAROL, FUNDER, 10))
        book = self.traced(ledger, services=[{"address": FUNDER, "name": "A shop", "by": "us"}])
        answer = self.match(book, "--ledger", ledger)
        self.assertEqual(answer["overlaps"], [])
        self.assertEqual(len(answer["first_gas"]["not_counted"]), 1)

    def test_a_payer_whom_the_loot_reached_is_told_once_the_gas_first(self):
        ledger = self.world(*SHARED, (50, CAROL, FUNDER, 10), (51, DAVE, FUNDER, 10))
        one, = self.match(self.traced(ledger), "--ledger", ledger)["overlaps"]
        self.assertEqual(one["kind"], "same-gas-funder")
        self.assertEqual(one["use"], ["receives", "first-gas"])
        self.assertEqual(one["tx"], [self.tx[SHARED[0][:3]], self.tx[50, CAROL, FUNDER]])

    def test_a_hub_of_many_transactions_pays_for_anybody(self):
        many = tuple((5, FUNDER, "0x%040x" % (0x5000000 + i), 0.001) for i in range(10001))
        overlaps, gas = self.found(*many, *SHARED)
        self.assertEqual(overlaps, [])
        self.assertIn("hub", gas["not_counted"][0]["is"])

    def test_a_contract_pays_who_calls_it(self):
        overlaps, gas = self.found((9, SIGNER, TOOL, 5), (10, TOOL, ALICE, 1, SIGNER),
                                   (11, TOOL, BOB, 1, SIGNER))
        self.assertEqual(overlaps, [])
        self.assertEqual(gas["cases"][0]["paid_by_nobody"], 1)

    def test_dust_of_a_poisoner_funds_nobody(self):
        """Less than the fee that follows; and who was sent it was not unseen any more, so that only
        a habit of paying counts."""
        dust = 1000 / ETHER
        poison = tuple((8, TOOL, wallet, dust) for wallet in (ALICE, CAROL, EVE, BOB, DAVE, FRANK))
        gas = tuple((10, FUNDER, wallet, 1) for wallet in (ALICE, CAROL, EVE, BOB, DAVE, FRANK))
        one, = self.found(*poison, *gas, thefts=self.DOLLARS)[0]
        self.assertEqual((one["kind"], one["address"].lower()), ("same-gas-funder", FUNDER))

    def test_one_payment_to_a_wallet_in_sight_is_a_gift(self):
        """After the thefts all can see the wallets: who pays one may be framed, or framing."""
        before = ((9, LAZARUS, ALICE, 1), (9, SIGNER, BOB, 1))
        late = ((32, FUNDER, CAROL, 1), (33, FUNDER, DAVE, 1))
        overlaps, gas = self.found(*before, *late, (44, TOOL, EVE, 1), (45, GIFTED, FRANK, 1),
                                   thefts=self.DOLLARS)
        self.assertEqual(overlaps, [])
        self.assertEqual((gas["cases"][0]["payers"], gas["cases"][0]["payers_too_light"]), (3, 2))

    def test_three_times_before_the_owner_is_a_habit(self):
        gas = tuple((block, FUNDER, wallet, 1) for block, wallet in (
            (25, ALICE), (26, BOB), (32, CAROL), (33, DAVE), (42, EVE), (43, FRANK)))
        one, = self.found(*gas, thefts=self.DOLLARS)[0]
        self.assertEqual((one["kind"], one["address"].lower()), ("same-gas-funder", FUNDER))
        self.assertEqual(one["tx"], [self.tx[g[:3]] for g in gas[::2]][:2])

    def test_the_victims_own_wallet_and_stolen_coins_are_no_funder(self):
        """One victim twice: the stolen coins were the first that either thief's wallet got."""
        thefts = tuple((r[0], VICTIMS[0] if r[1] in VICTIMS else r[1], *r[2:])
                       for r in self.THEFTS)
        overlaps, gas = self.found(thefts=thefts)
        self.assertEqual(overlaps, [])
        self.assertEqual((gas["cases"][0]["paid_by_own_money"], gas["cases"][0]["payers"]), (2, 0))


class Claims(Thefts):
    def known(self, address=LAZARUS, actor="Lazarus Group", said="2023-01-01"):
        return self.write("known.yaml", "title: known\ncreator: test\nlastmod: " + said + "\n"
                          "tags:\n  - {label: An earlier theft, address: \"%s\", actor: "
                          "%s, category: perpetrator, currency: ETH, network: ETH, "
                          "confidence: authority_data, source: \"https://example.org\"}\n"
                          % (address, actor))

    def test_gas_from_an_address_that_an_authority_names_is_said_with_who_says_so(self):
        ledger = self.world((10, LAZARUS, ALICE, 1), (11, FUNDER, BOB, 1))
        book, tags = self.traced(ledger), self.known()
        one, = self.match(book, "--ledger", ledger, "--tags", tags)["overlaps"]
        self.assertEqual((one["kind"], one["address"].lower(), one["with"], one["actor"],
                          one["says"], one["weight_thousandths"]),
                         ("same-gas-funder", LAZARUS, "An earlier theft", "Lazarus Group",
                          "https://example.org", 600))
        self.assertEqual(one["tx"], [self.tx[10, LAZARUS, ALICE]])
        self.assertEqual((one["use"], one["their_use"]), (["first-gas"], ["claimed"]))
        self.assertRegex(one["sentence"], "paid the first gas in one .*is the other's own .*"
                         "by the word of https://example.org")
        self.assertEqual(self.match(book, "--tags", tags)["overlaps"], [])

    def test_the_sentence_of_a_technique_names_it_with_its_claimant(self):
        ledger = self.world((10, LAZARUS, ALICE, 1), (11, FUNDER, BOB, 1))
        book = self.traced(ledger)
        # Packs write the key of an ActorPack, lists write capitals: one name.
        for actor in ("Lazarus Group", "lazarusgroup", "LAZARUS-GROUP"):
            answer = self.match(book, "--ledger", ledger, "--tags", self.known(actor=actor))
            said = next(t for t in answer["techniques"] if t["technique"] == "split-and-hop")
            self.assertEqual(said["says"], "overlap", actor)
            self.assertRegex(said["sentence"], "same-gas-funder, by somebody's word.*'An earlier "
                             "theft', which https://example.org attributed to %s on 2023-01-01: "
                             "that supports the same hand, and does not prove it" % actor)
        answer = self.match(book, "--ledger", ledger, "--tags", self.known(actor="lazarus"))
        said = next(t for t in answer["techniques"] if t["technique"] == "split-and-hop")
        self.assertNotEqual(said["says"], "overlap")

    def test_a_word_that_came_after_the_theft_is_said_and_is_no_likeness(self):
        """It may be about this very theft, as the FBI's list of Bybit's wallets is."""
        ledger = self.world((10, FUNDER, ALICE, 1), (11, FUNDER, BOB, 1))
        book = self.traced(ledger)
        values = []
        for said, says, seen in (("2023-01-01", "overlap", "seen"),
                                 ("2031-01-01", "authority", "not seen")):
            tags = self.known(address=ALICE, said=said)
            answer = self.match(book, "--tags", tags)
            technique = next(t for t in answer["techniques"] if t["technique"] == "split-and-hop")
            step = next(s for s in technique["steps"] if s["id"] == "overlap")
            self.assertEqual((technique["says"], step["state"]), (says, seen), technique)
            one, = (o for o in answer["overlaps"] if o["kind"] == "shared-wallet")
            values.append((technique["likeness"], one["weight_thousandths"]))
        self.assertRegex(technique["sentence"], "After the theft https://example.org attributed "
                         "(?i:%s), which it went through, to Lazarus Group" % ALICE)
        self.assertEqual(values[1][1], 0)
        self.assertLess(values[1][0], values[0][0])

    def test_a_gift_to_somebody_whose_gas_a_known_thief_paid_is_no_evidence(self):
        """The trap of Euler, by one step more: GIFTED belongs to Lazarus and passes the gift on."""
        gift = ((5, LAZARUS, GIFTED, 1), (35, ALICE, GIFTED, 0.9), (45, GIFTED, SIGNER, 1.5))
        ledger = self.world((10, FUNDER, ALICE, 1), *gift)
        tags = self.known()
        answer = self.match(self.traced(ledger), "--ledger", ledger, "--tags", tags)
        self.assertEqual(answer["overlaps"], [])
        self.assertEqual((answer["first_gas"]["cases"][0]["payers"],
                          answer["first_gas"]["cases"][0]["payers_too_light"]), (2, 1))
        for technique in answer["techniques"]:
            self.assertNotIn(technique["says"], ("overlap", "authority"))

    def test_gas_from_where_the_other_theft_began_is_said_as_that(self):
        ledger = self.world((10, FUNDER, ALICE, 3), (11, ALICE, BOB, 1))
        book = self.traced(ledger)
        for case, use, other in (("first", "theft", "first-gas"),
                                 ("second", "first-gas", "theft")):
            one, = self.match(book, "--ledger", ledger, case=case)["overlaps"]
            self.assertEqual((one["kind"], one["address"].lower(), one["weight_thousandths"]),
                             ("same-gas-funder", ALICE, 800))
            self.assertIn(use, one["use"])
            self.assertIn(other, one["their_use"])
            self.assertIn("paid the first gas in one (second on ethereum) and is the other's own "
                          "(first on ethereum)", one["sentence"])


    def test_who_came_first_to_a_wallet_in_common_pays_no_gas_of_the_others(self):
        """ALICE's loot is the first that GIFTED gets; BOB's comes later. That is one fact."""
        ledger = self.world((35, ALICE, GIFTED, 20), (36, BOB, GIFTED, 20),
                            (45, GIFTED, SIGNER, 30))
        book = self.traced(ledger)
        for case in ("first", "second"):
            kinds = {o["kind"] for o in self.match(book, "--ledger", ledger, case=case)["overlaps"]}
            self.assertEqual(kinds, {"co-mingling"})


class Deposits(Thefts):
    PAID = ((5, BANK, TOOL, 1), (35, CAROL, DEPOSIT, 20), (36, DEPOSIT, BANK, 20 - 0.001),
            (45, DAVE, DEPOSIT, 40), (46, DEPOSIT, BANK, 40 - 0.001))

    def kinds(self, *rows, ledgers=True):
        ledger = self.world(*rows)
        tags = ("--tags", self.pack(BANK + ",Great Exchange,exchange,ETH,great"))
        book = self.traced(ledger, *tags)
        asked = ("--ledger", ledger) if ledgers else ()
        return {o["address"].lower(): o
                for o in self.match(book, *asked, *tags)["overlaps"]}

    def test_one_customers_account_is_told_from_a_wallet(self):
        found = self.kinds(*self.PAID)
        self.assertEqual((found[DEPOSIT]["kind"], found[DEPOSIT]["weight_thousandths"]),
                         ("same-deposit-address", 750))
        self.assertIn("deposit", found[DEPOSIT]["use"])
        self.assertIn(self.tx[36, DEPOSIT, BANK], found[DEPOSIT]["tx"])
        self.assertIn(self.tx[35, CAROL, DEPOSIT], found[DEPOSIT]["tx"])
        self.assertIn(self.tx[45, DAVE, DEPOSIT], found[DEPOSIT]["their_tx"])

    def test_an_inferred_tag_makes_it_no_service(self):
        """Following ends there then: the deposit is an arrival, and still one customer's."""
        ledger = self.world(*self.PAID)
        tags, pack = self.pack(BANK + ",Great Exchange,exchange,ETH,great"), self.path("pack.yaml")
        self.done("who", "--ledger", ledger, "--deposits", "--tags", tags, "--export", pack)
        book = self.traced(ledger, "--tags", tags, pack)
        one, = self.match(book, "--ledger", ledger, "--tags", tags, pack)["overlaps"]
        self.assertEqual((one["kind"], one["address"].lower()),
                         ("same-deposit-address", DEPOSIT))
        self.assertEqual(self.match(book, "--tags", tags, pack)["overlaps"], [])

    def test_without_a_ledger_it_is_a_wallet_in_which_money_met(self):
        self.assertEqual(self.kinds(*self.PAID, ledgers=False)[DEPOSIT]["kind"], "co-mingling")

    def test_who_pays_others_too_is_no_deposit_address(self):
        found = self.kinds(*self.PAID, (60, DEPOSIT, TOOL, 0.0001))
        self.assertEqual(found[DEPOSIT]["kind"], "co-mingling")


class Doubt(Thefts):
    def test_a_ledger_that_begins_too_late_says_so(self):
        whole = self.world(*SHARED)
        book = self.traced(whole)
        # ALICE spends all that she got and the gas that this ledger has not seen.
        late = self.world(*SHARED, name="late", first=25)
        answer = self.match(book, "--ledger", late)
        self.assertEqual(answer["overlaps"], [])
        self.assertEqual(answer["first_gas"]["cases"][0]["ledger_too_late"], 1)
        self.assertIn("begins at block 30", answer["first_gas"]["ledgers"][0]["caveat"])
        self.assertIn("spent before the ledger shows who paid",
                      " ".join(self.done("match", book, "first", "--ledger", late).split()))

    def test_a_ledger_of_another_chain_says_so(self):
        book = self.traced(self.world(*SHARED))
        rows = HEADER + "7,1700000000,%s,0,fee,%s,,BNB,,21000,ok\n" % (tx_id(9), TOOL) + \
            "7,1700000000,%s,0,native,%s,%s,BNB,,50,ok\n" % (tx_id(9), TOOL, SIGNER)
        self.done("import", self.write("bsc.csv", rows), "--chain", "bsc", "--ledger",
                  self.path("bsc"), "--quiet")
        answer = self.match(book, "--ledger", self.path("bsc"))
        self.assertEqual(answer["overlaps"], [])
        ledger, = answer["first_gas"]["ledgers"]
        self.assertEqual((ledger["chain"], ledger["wallets"]), ("bsc", 0))
        self.assertIn("none of the wallets", ledger["caveat"])
        self.assertEqual(answer["first_gas"]["cases"][0]["not_in_ledgers"], 3)

    def test_a_key_is_the_same_on_every_chain(self):
        """Gas on another chain of Ethereum's kind counts, and where it was paid is said."""
        book = self.traced(self.world())
        lines = [HEADER]
        for no, (source, target, amount) in enumerate((
                (FUNDER, ALICE, 10 ** 16), (FUNDER, BOB, 10 ** 16), (ALICE, SIGNER, 10 ** 15),
                (BOB, SIGNER, 10 ** 15)), 1):
            place = "%d,%d,%s,%d" % (no, 1_700_000_000 + no, tx_id(500 + no), no)
            lines.append("%s,fee,%s,,BNB,,21000,ok\n" % (place, source))
            lines.append("%s,native,%s,%s,BNB,,%d,ok\n" % (place, source, target, amount))
        self.done("import", self.write("bsc.csv", "".join(lines)), "--chain", "bsc", "--ledger",
                  self.path("bsc"), "--quiet")
        one, = self.match(book, "--ledger", self.path("ledger"), self.path("bsc"))["overlaps"]
        self.assertEqual((one["kind"], one["chain"], one["their_chain"], one["tx"]),
                         ("same-gas-funder", "bsc", "bsc", [tx_id(501)]))

    def test_what_is_wrong_is_named(self):
        ledger = self.world(*SHARED)
        book = self.traced(ledger)
        self.refused("match", book, "first", "--ledger", self.path("nothing"), says=["nothing"])
        self.refused("match", book, "first", "--ledger", ledger, self.folder, says=["ledger"])
        self.refused("match", book, "first", "--ledger", ledger, "--findings", code=2,
                     says=["--ledger"])
        self.refused("match", self.path("flow.csv"), "--ledger", ledger, code=2,
                     says=["--ledger"])

    def test_a_ledger_of_coins_has_no_gas(self):
        book = self.traced(self.world(*SHARED))
        coins = "block,time,tx,index,kind,from,to,asset,amount_base\n" \
            "1,1600000600,%s,0,output,,12c6DSiU4Rq3P4ZxziKxzrL5LmMBrzjrJX,BTC,50\n" % ("1" * 64)
        self.done("import", self.write("coins.csv", coins), "--chain", "bitcoin", "--ledger",
                  self.path("coins"), "--quiet")
        self.refused("match", book, "first", "--ledger", self.path("coins"),
                     says=["coins", "nobody pays gas"])


if __name__ == "__main__":
    unittest.main()
