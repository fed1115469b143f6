"""dyepack link over two chains: stolen ether goes to a swapper on Ethereum, the swapper pays
bitcoin out of its own wallet, and nothing on either ledger says that one is for the other.

What is proved: the payment is found in the other chain's ledger; nothing is followed before a
person accepts it; then the money goes on in bitcoin, in origin units that add up, whichever chain
is read first; rejecting gives what was there before; and the decision is kept.
"""
# Covers: cli/link.c cli/link_find.c cli/link_gather.c casebook/decision.c engine/legs.c
import json
import unittest

import dye
from test_exports import json_text
from test_several_chains import (COIN, ETHER, OTHERS, PEEL, REST, THERE, THIEF, Bitcoin, Ethereum,
                                 Wallet)

DESK, HOT = "0x" + "e1" * 20, Wallet(21)  # both the swapper's
BY = ("--by", "J. Doe: they say so", "--at", "2025-03-01T12:00:00Z")
RATE, FEE_BPS = 2840000, 100  # satoshis for an ether, and what of them the swapper keeps


def tag(address, currency, label):
    return "\n".join(["- address: '%s'" % address, "  label: " + label, "  category: exchange",
                      "  confidence: service_data", "  currency: " + currency, "  actor: exch",
                      "  source: https://example.org/tags"])


class Swapped(Ethereum):
    """Stolen in block 1, brought to the swapper's desk in block 3."""

    def __init__(self):
        super().__init__(deposit=None)

    def block(self, b, txs):
        if b == 3:
            txs = [(THIEF, DESK, 2 * ETHER, [])]
        super().block(b, txs)


class Paid(Bitcoin):
    """The swapper pays in block `payout`, out of a wallet with money of its own."""

    def __init__(self, paid, payout=3, offset=600):
        super().__init__(Ethereum.txid(3), payout=None, blocks=0)
        self.lines, self.paid, self.offset = [], paid, offset
        for b in range(6):
            self.tx(b, 0, [], [(OTHERS, 312500000)])
            if b == payout:
                self.payout = self.tx(b, 1, [(self.coin(1), 0, HOT, 9 * COIN)],
                                      [(THERE, paid), (HOT, 9 * COIN - paid - 1000)])
            if b == payout + 1:
                self.peel = self.tx(b, 1, [(self.payout, 0, THERE, paid)],
                                    [(PEEL, paid // 4), (REST, paid - paid // 4 - 1000)])

    @staticmethod
    def coin(number):
        return "%064x" % (0xc0140000 + number)

    def write(self, test, file):
        return test.write(file, json_text(self.lines))


class LinkChains(dye.Case):
    def setUp(self):
        super().setUp()
        self.pack = self.write("pack.yaml", "title: Test tags\ncreator: test\nlastmod: 2024-01-01\n"
                               "tags:\n" + tag(DESK, "ETH", "eXch desk") + "\n" +
                               tag(HOT.text, "BTC", "eXch hot wallet") + "\n")
        self.yaml = self.case("theft", stolen=[{"address": THIEF, "tx": Ethereum.txid(1)}])
        self.book = self.path("case.dye")

    def make(self):
        self.paid = 2 * RATE * (10000 - FEE_BPS) // 10000
        self.eth = Swapped().write(self, "eth")
        self.btc = Paid(self.paid).write(self, "btc.json")
        self.ledger = self.path("ledger")
        self.done("import", self.eth, "--ledger", self.ledger, "--quiet")
        self.done("import", self.btc, "--ledger", self.ledger, "--quiet")

    def follow(self, *sources):
        return self.trace(self.yaml, *(sources or (self.eth, self.btc)), "--tags", self.pack,
                          "--casebook", self.book)

    def find(self):
        said = self.done("link", "find", self.book, "theft", self.ledger, "--tags", self.pack,
                         "--rate", "ETH/BTC=0.0284", "--format", "json")
        return json.loads(said)["candidates"]

    def decide(self, what, link):
        return self.done("link", what, self.book, "theft", link, *BY)

    def check(self, text):
        result = json.loads(text)
        self.assertTrue(result["conserved"] and dye.adds_up(result), text)
        at = {h["address"]: h for h in result["holders"]}
        self.assertEqual(int(at[PEEL.text]["amount"]), self.paid // 4)
        self.assertEqual(int(at[REST.text]["amount"]), self.paid - self.paid // 4 - 1000)
        came = int(at[PEEL.text]["origin"]) + int(at[REST.text]["origin"])
        # What the peel's miner got, to the unit.
        self.assertIn(2 * ETHER - came - 2 * ETHER * 1000 // self.paid, (0, 1))
        buckets = result["stolen"][0]["buckets"]
        self.assertEqual((buckets["service"], buckets["unresolved"]), ("0", "0"))
        return result

    def test_accepted_it_goes_on_in_bitcoin_and_rejected_it_is_as_before(self):
        self.make()
        result = json.loads(self.follow())
        self.assertEqual(int(result["stolen"][0]["buckets"]["service"]), 2 * ETHER)
        self.assertEqual([h for h in result["holders"] if h["address"] == THERE.text], [])
        found = self.find()
        self.assertEqual([c["verdict"] for c in found], ["best"])
        self.assertEqual((found[0]["out"]["to"], int(found[0]["out"]["amount"])),
                         (THERE.text, self.paid))
        found_only = json.loads(self.follow())  # is not followed
        for key in ("stolen", "holders", "arrivals", "conserved"):
            self.assertEqual(found_only[key], result[key], key)
        link = found[0]["id"]
        self.assertIn("trace again", self.decide("accept", link))
        after = self.follow()
        accepted = self.check(after)
        self.assertIn("J. Doe: they say so", [n["text"] for n in accepted["links"]])
        # It is followed, and still not proven.
        listed = json.loads(self.done("link", "list", self.book, "theft", "--format", "json"))
        self.assertEqual([(c["proven"], c["out_tx"] is None) for c in listed["crossings"]],
                         [(False, False)])
        text = self.done("link", "list", self.book, "theft")
        self.assertIn("accepted link", text)
        self.assertIn("J. Doe: they say so", text)
        self.assertEqual(self.follow(), after)  # once more, with nothing new
        self.decide("reject", link)
        again = json.loads(self.follow())
        for key in ("stolen", "holders", "arrivals", "links", "conserved", "height"):
            self.assertEqual(again.get(key), result.get(key), key)
        listed = json.loads(self.done("link", "list", self.book, "theft", "--format", "json"))
        self.assertEqual([d["verdict"] for d in listed["decisions"]], ["accepted", "rejected"])

    def test_the_order_of_reading_and_the_kind_of_source_do_not_matter(self):
        self.make()
        self.follow()
        self.decide("accept", self.find()[0]["id"])
        whole = self.follow()
        self.check(whole)
        self.assertEqual(self.follow(self.btc, self.eth), whole)
        for plan in ("scan", "seek"):
            with self.subTest(plan=plan):
                book = self.path(plan + ".dye")
                self.again(book)
                text = self.trace(self.yaml, "ledger:" + self.ledger, "--tags", self.pack,
                                  "--plan", plan, "--casebook", book)
                self.check(text)

    def again(self, book):
        """A casebook of its own with the same decision."""
        self.trace(self.yaml, self.eth, self.btc, "--tags", self.pack, "--casebook", book)
        said = self.done("link", "find", book, "theft", self.ledger, "--tags", self.pack, "--rate",
                         "ETH/BTC=0.0284", "--format", "json")
        link = json.loads(said)["candidates"][0]["id"]
        self.done("link", "accept", book, "theft", link, *BY)

    def test_a_payment_whose_chain_was_followed_before_is_gone_back_for(self):
        """Ethereum is followed alone first, bitcoin later; and the other way round cannot be, for
        what was stolen is on Ethereum."""
        self.make()
        self.follow()
        self.decide("accept", self.find()[0]["id"])
        whole = self.follow()
        alone = self.path("alone.dye")
        self.again(alone)
        first = json.loads(self.trace(self.yaml, self.eth, "--tags", self.pack, "--casebook",
                                      alone))
        self.assertEqual(int(first["stolen"][0]["buckets"]["unresolved"]), 2 * ETHER)
        self.assertEqual(self.trace(self.yaml, self.eth, self.btc, "--tags", self.pack,
                                    "--casebook", alone), whole)

    def test_a_slow_clock_changes_nothing(self):
        """Bitcoin's blocks are dated before the deposit, within what miners may do."""
        self.make()
        self.again(self.book)
        slow = Paid(self.paid, 3, offset=20).write(self, "slow.json")
        self.check(self.follow(self.eth, slow))

    def test_only_the_stolen_part_of_a_mixed_deposit_goes_on(self):
        """Half of what the thief brings is his own."""
        self.yaml = self.case("theft", stolen=[{"address": THIEF, "tx": Ethereum.txid(1),
                                                "amount": "1"}])
        self.make()
        self.follow()
        self.decide("accept", self.find()[0]["id"])
        result = json.loads(self.follow())
        self.assertTrue(result["conserved"] and dye.adds_up(result))
        self.assertLessEqual(sum(int(h["origin"]) for h in result["holders"]), ETHER)


if __name__ == "__main__":
    unittest.main()
