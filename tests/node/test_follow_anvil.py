"""`dyepack follow` on a real Ethereum node that reorganises, stalls, dies and forgets, while the
follower itself is killed and the receiver of its alerts behaves badly.

The node's chain is made while it is followed: nothing here is the same in two runs but the seed of
the dice (DYEPACK_SEED), because blocks, polls and kills meet as they happen to.
"""
# Covers: cli/follow.c cli/follow_source.c cli/follow_tell.c cli/case.c cli/docket_cases.c
# Covers: live/live.c live/live_feed.c live/live_lane.c live/live_alone.c live/live_load.c
import os
import random
import signal
import time
import unittest

import nodes
import anvil
import dye
import follow
import market
from anvil import DOLLAR, ETHER, GWEI

HOPS = 500
BEACON = anvil.made_up("beacon")  # a watched address, of no case
SEED = int(os.environ.get("DYEPACK_SEED", "1"))


class Anvil(market.Anvil):
    """A node whose chain can be put back after it was killed; its clock is today's."""
    code = {**market.Anvil.code}

    def __init__(self, chain_id=1, instant=False):
        super().__init__(chain_id=chain_id)
        self.instant = instant
        self.time = int(time.time()) - 60

    def command(self):
        words = super().command()
        at = words.index("--init")  # does not go with historical states
        words[at:at + 2] = ["--preserve-historical-states", "--no-request-size-limit"]
        if self.instant:
            words.remove("--no-mining")
        return words

    def found(self):
        """Gives the chain its genesis, by hand."""
        for address, contract in self.code.items():
            self.call("anvil_setCode", address, "0x" + anvil.CONTRACTS[contract]["runtime"])
        for name, address in zip(anvil.WALLETS, anvil.MNEMONIC_ACCOUNTS):
            self.call("anvil_setBalance", address, hex(anvil.WALLETS[name] * ETHER))
        self.settle()
        return self

    def settle(self):
        self.call("anvil_setBlockTimestampInterval", 1)
        self.call("anvil_autoImpersonateAccount", True)

    def again(self, state):
        """Started anew with the chain as it was when `state` was dumped."""
        self.start()
        self.call("anvil_loadState", state)
        self.settle()
        # A node that has loaded its chain begins at its clock's beginning again.
        self.call("evm_setNextBlockTimestamp",
                  int(self.block(self.height(), False)["timestamp"], 16) + 1)


class Storm(market.Chain):
    """A thief in a hurry, on a chain that is not sure of itself."""

    def __init__(self, node, gate, dice):
        super().__init__(node)
        self.gate, self.dice = gate, dice
        self.hops, self.made, self.rich = 0, 0, []
        self.floor, self.snapshot, self.dumps = 0, None, []
        self.highest = 0

    def begin(self):
        self.node.found()
        for step in (market.contracts, market.money, market.pools):
            step(self)
            self.mine()
        market.theft(self)
        self.mine()
        self.floor = self.node.height()
        self.rich = [self.at["thief"]]

    def fresh(self):
        self.made += 1
        return anvil.made_up("hop %d" % self.made)

    def try_send(self, sender, to, value, data="0x", gas=300_000):
        """As `send`, for wallets that may have become poor."""
        self.tip += 1000
        tx = {"from": sender, "to": to, "value": hex(value), "data": data, "gas": hex(gas),
              "maxFeePerGas": hex(5 * GWEI), "maxPriorityFeePerGas": hex(GWEI // 10 + self.tip)}
        try:
            return self.node.call("eth_sendTransaction", tx)
        except nodes.Refused:
            return None

    def seal(self):
        self.node.call("evm_mine")
        self.tip = 0
        self.highest = max(self.highest, self.node.height())

    def hop(self):
        """One step of the thief: mostly to somebody new."""
        who = self.dice.choice(self.rich[-40:])
        has = self.node.balance(who) - ETHER // 100
        if has < ETHER // 100:
            self.rich = [r for r in self.rich if r != who] or [self.at["thief"]]
            return self.dollars(who)
        amount = has * self.dice.randint(20, 100) // 100
        kind = self.dice.random()
        if kind < 0.55:
            to = self.fresh()
            self.rich.append(to)
            sent = self.try_send(who, to, amount)
        elif kind < 0.7:
            to = [self.fresh() for _ in range(3)]
            self.rich += to
            sent = self.try_send(who, self.at["splitter"], amount, anvil.call_data(
                "Splitter", "split", to, [amount // 3, amount // 3]))
        elif kind < 0.88:
            to = self.fresh()
            self.rich.append(to)
            sent = self.try_send(who, self.at["pairrouter"], amount // 2, anvil.call_data(
                "PairRouter", "sellEther", self.at["main"], 0, to))
        else:
            sent = self.try_send(who, self.at["service"], amount // 8)
        self.hops += sent is not None
        return sent

    def dollars(self, who):
        """He has no ether left: dollars, if any, go on; somebody gives him what the gas costs."""
        has = self.node.token_balance(self.at["usdt"], who)
        if has == 0:
            return None
        to = self.dice.choice([self.fresh(), self.at["service"], self.at["thief"]])
        self.try_send(self.at["bank"], who, ETHER // 20)
        sent = self.try_send(who, self.at["usdt"], 0, anvil.call_data(
            "Token", "transfer", to, has * self.dice.randint(30, 100) // 100))
        self.hops += sent is not None
        if to not in (self.at["service"], self.at["thief"]):
            self.rich.append(to)
        return sent

    def block(self):
        for _ in range(self.dice.randint(0, 3)):
            self.hop()
        if self.dice.random() < 0.3:
            self.try_send(self.at["bob"], self.dice.choice([self.at["cid"], BEACON]), 1000)
        if self.dice.random() < 0.15:
            time.sleep(0.1)  # what waits is seen before it is in a block
        self.seal()

    # ---- what goes wrong

    def in_quiet(self, deed):
        """While nothing is asked: anvil locks up when a reorganisation meets a trace."""
        with self.gate.lock:
            while self.gate.flying:
                self.gate.lock.wait()
            return deed()

    def room(self):
        """So many blocks may go without the theft. (And anvil 1.7.1 loses contracts' code when it
        goes back below where it has loaded its chain.)"""
        return self.node.height() - self.floor

    def reorganise(self):
        """Other blocks instead of the last ones; in half of them somebody paid somebody else."""
        deep = self.dice.randint(30, 60) if self.dice.random() < 0.1 else self.dice.randint(1, 9)
        deep = min(deep, self.room())
        if deep < 1:
            return
        instead = []
        if self.dice.random() < 0.5:
            for at in range(self.dice.randint(1, deep)):
                instead.append([{"from": self.at["thief"], "to": self.fresh(),
                                 "value": hex(ETHER // 50), "gas": hex(21_000),
                                 "maxFeePerGas": hex(5 * GWEI),
                                 "maxPriorityFeePerGas": hex(GWEI)}, at])
        def deed():
            try:
                self.node.call("anvil_reorg", deep, instead)
            except nodes.Refused:
                pass  # nobody could pay that: some of the blocks may be gone nevertheless
        self.in_quiet(deed)
        self.snapshot = None

    def revert(self):
        """To a snapshot made some blocks ago."""
        if self.snapshot is not None and self.node.height() - self.snapshot[1] < 100:
            self.in_quiet(lambda: self.node.call("evm_revert", self.snapshot[0]))
        self.snapshot = (self.node.call("evm_snapshot"), self.node.height())

    def freeze(self):
        """The node is stopped for a while."""
        self.node.process.send_signal(signal.SIGSTOP)
        time.sleep(self.dice.uniform(0.2, 1.5))
        self.node.process.send_signal(signal.SIGCONT)

    def dump(self):
        self.dumps = self.dumps[-3:] + [self.node.call("anvil_dumpState", True)]

    def crash(self):
        """The node is killed, and comes back with what it had written, some blocks ago."""
        self.gate.shut = True
        self.node.kill()
        time.sleep(self.dice.uniform(0, 0.5))
        self.in_quiet(lambda: self.node.again(self.dice.choice(self.dumps)))
        self.floor = self.node.height()
        self.gate.shut = False
        self.snapshot = None


class StormOfReorganisations(dye.Case):
    """500 hops; whatever happens on the way, the end is right."""

    def setUp(self):
        super().setUp()
        self.dice = random.Random(SEED)
        node = Anvil().start()
        self.addCleanup(node.stop)
        gate = nodes.Gate(node.port)
        self.addCleanup(gate.close)
        self.storm = Storm(node, gate, self.dice)
        self.storm.begin()
        self.bad = 0.25
        self.receiver = follow.Receiver(self.mood)
        self.addCleanup(self.receiver.close)
        self.yaml = self.case("storm", "ethereum", stolen=[
            {"address": self.storm.at["thief"], "tx": self.storm.tx["theft"]},
            {"address": self.storm.at["thief"], "tx": self.storm.tx["theft of dollars"],
             "asset": "usdt"}], services=[
                 {"address": self.storm.at["service"], "name": "An Exchange", "by": "the test"}])
        self.book = self.path("followed.casebook")
        self.rules = follow.rules(self.folder, self.receiver.url, more=[
            "  - {name: first swaps, when: link, kinds: [swap], first: true, to: [desk]}",
            "  - {name: holders, when: holder, group: 2s, to: [desk]}",
            "  - {name: large, when: move, min: [\"20 eth\", \"20000 usdt\"], to: [desk],"
            " throttle: {burst: 5, within: 3s}}",
            "  - {name: beacon, when: watched, addresses: [\"ethereum:%s\"], to: [desk]}" % BEACON])
        self.follower = follow.Follower(
            self.folder, self.book, self.yaml, gate.url, "--rules", self.rules, "--poll", "60",
            "--level", "debug")
        self.addCleanup(self.follower.end)

    def mood(self, _, times):
        """The first two times a message comes anything may happen to it."""
        if times > 2 or self.dice.random() > self.bad:
            return "good"
        return self.dice.choice(["late", "500", "nothing", "garbage", "early", "500", "early"])

    def trouble(self):
        storm, dice = self.storm, self.dice
        what = dice.random()
        if what < 0.06:
            storm.reorganise()
        elif what < 0.10:
            storm.revert()
        elif what < 0.11:
            storm.freeze()
        elif what < 0.17:
            storm.dump()
        elif what < 0.18 and storm.dumps:
            storm.crash()
        elif what < 0.22:
            self.follower.kill()
            time.sleep(dice.choice([0, 0, 0.3]))
            self.follower.start()
        elif what < 0.24:
            self.took.append(self.follower.stop())
            self.follower.start()

    def test_the_end_is_that_of_the_final_chain(self):
        self.took = []
        self.follower.start()
        while self.storm.hops < HOPS:
            self.storm.block()
            self.trouble()
            time.sleep(0.01)
        self.bad = 0
        self.quiet()
        self.took.append(self.follower.stop())
        self.assertLess(max(self.took), follow.STOP_SECONDS_MAX)
        rows = follow.check_told(self, self.book, self.receiver)
        self.check_watched()
        result = follow.check_result(self, [self.yaml], [self.storm.gate.url], self.book)
        found = follow.check_alerts(self, [self.yaml], [self.storm.gate.url], self.book,
                                    self.rules)
        print("%d hops, %d blocks, %d starts; %d alerts hold of %d, %d revisions, %d messages" % (
            self.storm.hops, self.storm.node.height(), self.follower.starts, len(found),
            len({r[0] for r in rows}), len(rows), len(self.receiver.times)))
        self.assertTrue(dye.adds_up(result))

    def check_watched(self):
        """What somebody paid to the watched address, by the node's own account."""
        node, expected = self.storm.node, []
        for height in range(node.height() + 1):
            expected += [(tx["hash"], height) for tx in node.block(height)["transactions"]
                         if tx["to"] == BEACON]
        self.assertEqual(follow.query(self.book, "select tx, height from alert where kind='watched'"
                                      " and state='confirmed' order by height, time"), expected)

    def quiet(self):
        """A last payment to who is watched; when it is told, all before it is followed. A node that
        has fewer blocks than were followed says nothing yet: it must come up to them."""
        behind = self.storm.highest - self.storm.node.height()
        self.storm.node.call("anvil_mine", hex(max(1, behind)))
        sent = self.storm.try_send(self.storm.at["bob"], BEACON, ETHER)
        self.storm.seal()
        follow.wait_until("the last payment", lambda: follow.query(
            self.book, "select 1 from alert where tx=? and state='confirmed'", sent))
        time.sleep(0.3)
        follow.wait_told(self.book)


class Followed(dye.Case):
    """A node that mines each transaction at once, a receiver, and ways to steal and to move on."""

    def setUp(self):
        super().setUp()
        self.node = Anvil(instant=True).start().found()
        self.addCleanup(self.node.stop)
        self.receiver = follow.Receiver()
        self.addCleanup(self.receiver.close)
        self.book = self.path("followed.casebook")
        self.followers = 0

    def pay(self, sender, to, value, **more):
        """From who has it, if only in a moment: the node mines behind our back."""
        follow.wait_until("%s has so much" % sender,
                          lambda: self.node.balance(anvil.made_up(sender)) > value)
        return self.node.call("eth_sendTransaction", {
            "from": anvil.made_up(sender), "to": anvil.made_up(to), "value": hex(value), **more})

    def steal(self, name, amount=100 * ETHER):
        """A case of its own: from the bank to a thief of that name."""
        self.node.call("anvil_setBalance", anvil.made_up("victim"), hex(10 * amount))
        tx = self.pay("victim", name, amount)
        return self.case(name, stolen=[{"address": anvil.made_up(name), "tx": tx}], services=[
            {"address": anvil.made_up("service"), "name": "An Exchange", "by": "the test"}])

    def follower(self, *words):
        """One that is at the tip."""
        rules = follow.rules(self.folder, self.receiver.url)
        made = follow.Follower(self.folder, self.book, self.node.url, *words, "--rules", rules)
        self.addCleanup(made.end)
        made.start()
        self.followers += 1
        made.wait_for("event=caught-up", times=self.followers)
        return made

    def arrives(self, sender, amount=ETHER // 100, seconds=follow.QUIET_SECONDS_MAX):
        """A payment to the service that is told as confirmed; gives how long it took."""
        began = time.monotonic()
        tx = self.pay(sender, "service", amount)
        self.receiver.wait_for(seconds, tx=tx, kind="arrival", state="confirmed")
        return time.monotonic() - began


class Latency(Followed):
    def measure(self, *words):
        follower = self.follower(self.yaml, "--no-pending", *words)
        self.arrives("thief")
        took = sorted(self.arrives("thief", 10 ** 12) for _ in range(100))
        self.assertLess(follower.stop(), follow.STOP_SECONDS_MAX)
        print("from sending to the webhook, %s: p50 %d ms, p99 %d ms, most %d ms" % (
            " ".join(words[:2]), 1000 * took[49], 1000 * took[98], 1000 * took[99]))
        return took

    def follower(self, *words):
        """Its log is silent, so the first arrival shows that it is there."""
        rules = follow.rules(self.folder, self.receiver.url)
        made = follow.Follower(self.folder, self.book, self.node.url, *words, "--rules", rules)
        self.addCleanup(made.end)
        return made.start()

    def test_from_block_to_webhook(self):
        self.yaml = self.steal("thief")
        polled = self.measure("--poll", "100")
        heard = self.measure("--heads", "ws" + self.node.url[4:])
        # Generous: the machine may be busy with something else.
        self.assertLess(polled[98], 5.0)
        self.assertLess(heard[98], 5.0)


class Pending(Followed):
    def test_what_waits_is_told_and_then_confirmed_or_taken_back(self):
        yaml = self.steal("thief")
        for name in ("one", "two", "three"):
            self.pay("thief", name, 10 * ETHER)
        follower = self.follower(yaml, "--poll", "100")
        self.node.call("evm_setAutomine", False)
        one = self.pay("one", "service", ETHER)
        two = self.pay("two", "service", ETHER)
        three = self.pay("three", "service", ETHER)
        first = [self.receiver.wait_for(tx=tx, kind="arrival")[0] for tx in (one, two, three)]
        self.assertEqual([(a["state"], a["revision"], a["height"]) for a in first],
                         [("pending", 1, None)] * 3)
        # The second is dropped; another one takes the third one's place.
        self.node.call("anvil_dropTransaction", two)
        nonce = self.node.call("eth_getTransactionByHash", three)["nonce"]
        instead = self.pay("three", "four", 2 * ETHER, nonce=nonce, maxFeePerGas=hex(90 * GWEI),
                           maxPriorityFeePerGas=hex(60 * GWEI))
        self.receiver.wait_for(tx=two, kind="arrival", state="withdrawn")
        self.node.call("evm_mine")
        self.receiver.wait_for(tx=one, kind="arrival", state="confirmed")
        self.receiver.wait_for(tx=instead, kind="move", state="confirmed")
        self.receiver.wait_for(tx=three, kind="arrival", state="withdrawn")
        self.assertLess(follower.stop(), follow.STOP_SECONDS_MAX)
        follow.check_told(self, self.book, self.receiver)
        self.assertEqual([(a["id"], a["state"]) for a in self.receiver.find(kind="arrival")
                          if a["revision"] == 2 and a["tx"] == one],
                         [(first[0]["id"], "confirmed")])


class WhileItRuns(Followed):
    """`dyepack case`, with a follower at work."""

    def told(self, tx, **more):
        return self.receiver.wait_for(tx=tx, kind="arrival", **more)

    def test_cases_come_and_go(self):
        old = self.steal("old-thief")
        past = self.pay("old-thief", "service", ETHER)
        self.node.call("anvil_mine", hex(3000))
        new = self.steal("new-thief")
        follower = self.follower(new, "--poll", "100")
        self.arrives("new-thief")
        # A case of long ago is added: who is at the tip hears as soon as ever.
        self.done("case", "add", self.book, old)
        took = []
        while not self.receiver.find(tx=past, kind="arrival"):
            took.append(self.arrives("new-thief"))
            self.assertLess(len(took), 1000)
        self.assertLess(max(took), 5.0)
        self.arrives("old-thief")
        # Stopped, nothing is told of it within a second; resumed, it is.
        self.done("case", "stop", self.book, "old-thief")
        time.sleep(1)
        missed = self.pay("old-thief", "service", ETHER)
        self.arrives("new-thief")
        time.sleep(0.5)
        self.assertEqual(self.receiver.find(tx=missed), [])
        self.done("case", "resume", self.book, "old-thief")
        self.told(missed)
        self.arrives("old-thief")
        # Something else was stolen, too.
        seed = self.pay("victim", "other-thief", ETHER)
        self.pay("other-thief", "service", ETHER // 2)
        self.done("case", "seed", self.book, "new-thief", "{address: \"%s\", tx: \"%s\"}" % (
            anvil.made_up("other-thief"), seed), "--by", "the test: as seen")
        self.receiver.wait_for(kind="arrival", incident="new-thief",
                               height=self.node.height())
        self.arrives("other-thief")
        # Anew, and nothing is told twice.
        follow.wait_told(self.book)
        before = follow.query(self.book, "select id, revision, state from alert order by id")
        self.done("case", "rescan", self.book, "old-thief")
        follower.wait_for("somebody else has changed what this casebook follows")
        self.arrives("old-thief")
        self.arrives("new-thief")
        follow.wait_told(self.book)
        known = {row[0] for row in before}
        after = follow.query(self.book, "select id, revision, state from alert order by id")
        self.assertEqual([row for row in after if row[0] in known], before)
        self.assertEqual(len(after), len(before) + 2)
        self.assertLess(follower.stop(), follow.STOP_SECONDS_MAX)
        follow.check_told(self, self.book, self.receiver)


class Wrong(Followed):
    """What bad input gets: no wrong alert, and a word."""

    def refused_follow(self, *args, says):
        result = dye.run("follow", *args)
        self.assertEqual((result.returncode, result.stdout), (1, ""), result.stderr)
        for word in says:
            self.assertIn(word, result.stderr)

    def test_before_anything_starts(self):
        yaml = self.steal("thief")
        rules = self.write("bad.yaml", "rules:\n  - {name: x, when: arival, to: []}\n")
        self.refused_follow(self.book, yaml, self.node.url, "--rules", rules,
                            says=["bad.yaml:2:21", "did you mean 'arrival'"])
        self.assertFalse(os.path.exists(self.book))
        follower = self.follower(yaml)
        self.refused_follow(self.book, self.node.url, says=["follows this casebook already"])
        self.arrives("thief")
        self.assertLess(follower.stop(), follow.STOP_SECONDS_MAX)

    def test_heads_and_nodes_of_another_chain(self):
        other = Anvil(instant=True, chain_id=31337).start().found()
        self.addCleanup(other.stop)
        yaml = self.steal("thief")
        # The node: of a chain that no case is about.
        result = dye.run("follow", self.path("x.casebook"), yaml, other.url, "--once")
        self.assertNotEqual(result.returncode, 0)
        self.assertEqual(follow.alerts(self.path("x.casebook")), [])
        # The heads: what waits there is nothing here.
        follower = self.follower(yaml, "--heads", "ws" + other.url[4:], "--poll", "200")
        other.call("evm_setAutomine", False)
        other.call("anvil_setBalance", anvil.made_up("thief"), hex(ETHER))
        other.call("eth_sendTransaction", {"from": anvil.made_up("thief"), "value": "0x5",
                                           "to": anvil.made_up("service")})
        time.sleep(0.5)
        other.call("evm_mine")
        self.assertLess(self.arrives("thief"), 5)
        self.assertLess(follower.stop(), follow.STOP_SECONDS_MAX)
        self.assertEqual([a["kind"] for a in follow.alerts(self.book)], ["arrival"])

    def test_a_webhook_that_redirects_is_a_failure(self):
        self.receiver.mood = lambda number, times: "redirect" if times == 1 else "good"
        follower = self.follower(self.steal("thief"))
        tx = self.pay("thief", "service", ETHER)
        self.receiver.wait_for(tx=tx)
        follow.wait_told(self.book)
        self.assertIn("redirect", follower.told())
        self.assertLess(follower.stop(), follow.STOP_SECONDS_MAX)
        follow.check_told(self, self.book, self.receiver)
        self.assertEqual(list(self.receiver.times.values()), [2])

    def test_deeper_than_can_be_undone(self):
        """The chain stands still with a word, until somebody says that it is the right one."""
        yaml = self.steal("thief")
        self.pay("thief", "mule", 10 * ETHER)
        follower = self.follower(yaml, "--poll", "100")
        self.arrives("thief")
        lost = self.pay("mule", "service", ETHER)
        self.receiver.wait_for(tx=lost, state="confirmed")
        self.node.call("anvil_mine", hex(150))
        self.arrives("thief")
        follower.kill()  # a reorganisation that meets a trace locks anvil up
        self.node.call("anvil_reorg", 152, [])
        follower.start()
        follower.wait_for("deeper than can be undone")
        self.assertIn("case rescan", follower.told())
        self.assertEqual(self.receiver.find(state="withdrawn"), [])
        self.done("case", "rescan", self.book, "thief")
        self.receiver.wait_for(tx=lost, state="withdrawn")
        self.arrives("thief", ETHER // 50)  # another amount: else it is the same transaction
        follow.wait_told(self.book)
        self.assertLess(follower.stop(), follow.STOP_SECONDS_MAX)
        follow.check_result(self, [yaml], [self.node.url], self.book)
        follow.check_told(self, self.book, self.receiver)


if __name__ == "__main__":
    unittest.main()
