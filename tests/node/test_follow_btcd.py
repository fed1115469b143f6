"""`dyepack follow` on a real Bitcoin node: a theft over many hops while branches compete, waiting
payments are replaced, and the node and the follower stop, die and come again.

Blocks are mined by the node (`generate`) or made by hand, so that another branch can hold another
spend of the same coin. The thief's dice are those of DYEPACK_SEED; when polls, kills and blocks
meet is not the same in two runs, and must not matter.

Of btcd: killed, it has lost its whole chain, as nothing was written yet; it is given its blocks
again, or some of them and then others. Blocks that are undone give their transactions back to those
that wait.
"""
# Covers: cli/follow.c cli/follow_source.c live/live.c live/live_lane.c live/live_alone.c
# Covers: source/bitcoin_rpc.c source/pending_bitcoin.c
import os
import random
import signal
import struct
import time
import unittest

import nodes
import btcd
import dye
import follow
import wallet
from wallet import COIN, Tx

HOPS = 120
SEED = int(os.environ.get("DYEPACK_SEED", "1"))
SMALL = COIN // 100  # a coin of less is left alone
PASSWORD = btcd.Btcd.login.split(":")[1]


def setUpModule():
    nodes.watch_for(PASSWORD)


class Money:
    """A chain with a theft, and whose its coins are: of blocks and of what waits, as the node has
    them now, whatever they were before."""

    def __init__(self, node):
        self.node = node
        self.chain = btcd.Chain(node)
        self.chain.mine(btcd.RIPE)
        btcd.funds(self.chain)
        btcd.theft(self.chain)
        self.floor, self.base = node.height(), dict(self.chain.coin)
        self.raws = {block.id: block.raw for block in self.chain.blocks}
        self.heights = {block.id: block.height for block in self.chain.blocks}
        self.links = {}   # of blocks above the floor: id -> (id of the one before, their txids)
        self.known = {}   # txid -> (Tx, owners of its outputs, coins), in the order of making
        self.hops = self.made = self.highest = 0

    def who(self, name):
        return self.chain.who(name)

    def fresh(self):
        self.made += 1
        return "hop %d" % self.made

    # ---- what there is

    def path(self):
        """The ids of the blocks above the floor."""
        found, at, floor = [], self.node.call("getbestblockhash"), self.chain.tip[::-1].hex()
        while at != floor:
            if at not in self.links:
                told = self.node.call("getblock", at, 1)
                self.links[at] = told["previousblockhash"], told["tx"]
                self.raws[at], self.heights[at] = self.node.raw(at), told["height"]
            found.append(at)
            at = self.links[at][0]
        return found[::-1]

    def pool(self):
        """What waits, parents before children."""
        waiting = set(self.node.call("getrawmempool"))
        return [tx for txid, (tx, *_) in self.known.items() if txid in waiting]

    def coins(self, last=None, with_pool=True):
        """[(owner, Coin)] of what can be spent; `last`: behind so many blocks above the floor."""
        txids = [i for block in self.path()[:last] for i in self.links[block][1]]
        txids = {i for i in txids if i in self.known}
        if with_pool:
            txids |= {tx.txid for tx in self.pool()}
        made = {coin.outpoint: (name.split(" 2")[0], coin) for name, coin in self.base.items()}
        spent = set()
        for txid, (tx, owners, coins) in self.known.items():
            if txid in txids:
                spent |= {coin.outpoint for coin in tx.coins}
                made.update({coin.outpoint: (owner, coin) for owner, coin in zip(owners, coins)})
        return [made[o] for o in made if o not in spent and made[o][1].value >= SMALL]

    def stolen(self, *where):
        return [c for owner, c in self.coins(*where) if owner.startswith(("hop ", "thief"))]

    def clean(self, *where):
        return [c for owner, c in self.coins(*where) if owner in ("bank", "bob", "ann", "eve")]

    # ---- what is done

    def spend(self, coins, outputs, fee=2000):
        """outputs: [(owner, satoshi)]; the last one gets what is left."""
        left = sum(c.value for c in coins) - sum(v for _, v in outputs[:-1]) - fee
        outputs = outputs[:-1] + [(outputs[-1][0], left)]
        tx = Tx(coins, [(v, self.who(name).p2wpkh) for name, v in outputs])
        owners = [name for name, _ in outputs]
        self.known[tx.txid] = tx, owners, [tx.coin(i, self.who(owner), 0)
                                           for i, owner in enumerate(owners)]
        return tx

    def send(self, tx):
        self.node.call("sendrawtransaction", tx.raw().hex())
        return tx.txid

    def generate(self, count=1):
        """The node's own blocks, of what waits."""
        ids = self.node.call("generate", count)
        self.highest = max(self.highest, self.node.height())
        return ids

    def by_hand(self, blocks, parent=None):
        """Blocks of these lists of transactions, on any block: the node goes to where more work
        is. Their clock is today's: what a block of long ago tells is grouped, and btcd leaves its
        pool alone while its last block is more than a day old."""
        parent = parent or self.node.call("getbestblockhash")
        self.path()
        height = self.heights[parent]
        clock, = struct.unpack_from("<I", self.raws[parent], 68)
        for txs in blocks:
            height, clock = height + 1, max(clock + 1, int(time.time()))
            block = wallet.Block(bytes.fromhex(parent)[::-1], height, clock, txs,
                                 self.who("miner"), b"by hand %d" % len(self.raws))
            self.node.submit(block)
            self.raws[block.id], self.heights[block.id] = block.raw, height
            parent = block.id
        self.highest = max(self.highest, self.node.height())

    def again(self, leave=0):
        """Gives the node its blocks once more, after it was killed; the last ones are left out."""
        ids = [block.id for block in self.chain.blocks] + self.last_path
        for block in ids[self.node.height():len(ids) - leave]:
            told = self.node.call("submitblock", self.raws[block].hex())
            assert told is None, told

    def kill(self, leave=0):
        """And all comes back but what waited, and some of the last blocks."""
        self.last_path = self.path()
        self.node.kill()
        self.node.start()
        self.again(leave)


class Storm(Money):
    """A thief in a hurry, on a chain that is not sure of itself."""

    def __init__(self, node, dice):
        super().__init__(node)
        self.dice, self.invalid, self.did = dice, [], {}

    def count(self, what):
        self.did[what] = self.did.get(what, 0) + 1

    def hop(self):
        """One step of the thief: on, apart, together, out, or in with somebody else's."""
        dice, coins = self.dice, self.stolen()
        if not coins:
            return None
        coin = dice.choice(coins[-30:])
        part = coin.value * dice.randint(20, 80) // 100
        kind = dice.random()
        if kind < 0.4:
            inputs, outputs = [coin], [(self.fresh(), part), (self.fresh(), 0)]
        elif kind < 0.55:
            parts = dice.randint(3, 5)
            inputs, outputs = [coin], [(self.fresh(), coin.value // parts) for _ in range(parts)]
        elif kind < 0.7:
            inputs, outputs = dice.sample(coins, min(len(coins), dice.randint(2, 4))), \
                [(self.fresh(), 0)]
        elif kind < 0.85:
            inputs, outputs = [coin], [("service", part // 4), (self.fresh(), 0)]
        else:
            clean = self.clean()
            inputs = [coin] + ([dice.choice(clean)] if clean else [])
            outputs = [(self.fresh(), part), ("bank", 0)]
        self.hops += 1
        return self.spend(inputs, outputs)

    def replace(self):
        """Another payment with the same coin instead of one that waits, for a greater fee."""
        waiting = self.pool()
        spent = {c.outpoint for tx in waiting for c in tx.coins}
        ends = [tx for tx in waiting
                if not spent & {"%s:%d" % (tx.txid, i) for i in range(len(tx.outputs))}]
        if ends:
            tx = self.dice.choice(ends)
            self.send(self.spend(tx.coins, [(self.fresh(), 0)], tx.fee + 20_000))
            self.count("replaced")

    def block(self):
        dice = self.dice
        for _ in range(dice.randint(0, 3)):
            tx = self.hop()
            if tx:
                self.send(tx)
        clean = self.clean()
        if dice.random() < 0.3 and clean:
            self.send(self.spend([dice.choice(clean)], [("beacon", SMALL // 10), ("bank", 0)]))
        if dice.random() < 0.2:
            time.sleep(0.15)  # what waits is seen before it is in a block
        if dice.random() < 0.2:
            self.replace()
        kind = dice.random()
        if kind < 0.7:
            self.generate()
        elif kind < 0.9:  # not all that waits
            waiting = self.pool()
            self.by_hand([waiting[:dice.randint(0, len(waiting))]])
        else:  # and one that never waited
            tx = self.hop()
            self.by_hand([self.pool() + ([tx] if tx else [])])

    # ---- what goes wrong

    def other_spends(self, path, deep):
        """Something else with a coin that is spent in the last blocks."""
        lost = [i for block in path[-deep:] for i in self.links[block][1] if i in self.known]
        there = {c.outpoint for _, c in self.coins(len(path) - deep, False)}
        lost = [i for i in lost if all(c.outpoint in there for c in self.known[i][0].coins)]
        if not lost:
            return []
        coins = self.known[self.dice.choice(lost)][0].coins
        return [self.spend(coins, [(self.dice.choice(["service", self.fresh()]), SMALL // 2),
                                   (self.fresh(), 0)])]

    def reorganise(self):
        """Other blocks instead of the last ones."""
        dice, path = self.dice, self.path()
        deep = dice.randint(20, 50) if dice.random() < 0.1 else dice.randint(1, 9)
        deep = min(deep, len(path))
        if deep < 1:
            return
        fork = self.links[path[-deep]][0]
        spends = self.other_spends(path, deep) if dice.random() < 0.6 else []
        if dice.random() < 0.5:
            self.by_hand([spends] + [[]] * deep, fork)
            self.count("outdone")
        else:
            self.node.call("invalidateblock", path[-deep])
            self.invalid.append(path[-deep])
            if dice.random() < 0.5:
                time.sleep(0.1)
            # The node may know a longer branch than none, in which that makes no sense.
            at_fork = self.node.call("getbestblockhash") == fork
            self.by_hand([spends if at_fork else []])
            self.generate(max(1, deep - dice.randint(0, 2)))
            self.count("invalidated")

    def reconsider(self):
        """What was said to be wrong is not: the node goes back where that is the longer branch."""
        if self.invalid:
            self.node.call("reconsiderblock", self.invalid.pop())
            self.highest = max(self.highest, self.node.height())
            self.count("reconsidered")

    def freeze(self):
        self.node.process.send_signal(signal.SIGSTOP)
        time.sleep(self.dice.uniform(0.2, 1.5))
        self.node.process.send_signal(signal.SIGCONT)
        self.count("frozen")

    def crash(self):
        self.kill(self.dice.randint(0, min(5, len(self.path()))))
        self.invalid = []
        self.count("killed")


class OnANode(dye.Case):
    """A case about the theft, a receiver, a follower."""

    def setUp(self):
        super().setUp()
        self.node = btcd.Btcd().start()
        self.addCleanup(self.node.stop)
        self.source = "http://%s@127.0.0.1:%d" % (self.node.login, self.node.port)
        self.book = self.path("followed.casebook")

    def begin(self, money, *words, mood=None, more=()):
        """Makes all that follows `money`; nothing runs yet."""
        tx = money.chain.tx["theft"]
        self.yaml = self.case("storm", "regtest", stolen=[
            {"outpoint": tx + ":0"}, {"outpoint": tx + ":1"}], services=[
                {"address": money.who("service").address(), "name": "A Service",
                 "by": "the test"}])
        self.receiver = follow.Receiver(mood)
        self.addCleanup(self.receiver.close)
        self.rules = follow.rules(self.folder, self.receiver.url, more=[*more, (
            "  - {name: beacon, when: watched, addresses: [\"regtest:%s\"], to: [desk]}" %
            money.who("beacon").address())])
        self.follower = follow.Follower(self.folder, self.book, self.yaml, self.source, "--rules",
                                        self.rules, *words)
        self.addCleanup(self.follower.end)

    def quiet(self, money):
        """Nothing waits any more; then a last payment to who is watched. When it is told, all
        before it is followed. A node that has fewer blocks than were followed must first come up
        to them."""
        money.generate(max(1, money.highest - self.node.height()))
        coin = max(money.clean() or money.stolen(), key=lambda c: c.value)
        last = money.send(money.spend([coin], [("beacon", SMALL // 10), ("bank", 0)]))
        money.generate()
        self.assertEqual(money.pool(), [])
        follow.wait_until("the last payment", lambda: follow.query(
            self.book, "select 1 from alert where tx=? and state='confirmed'", last))
        follow.wait_settled(self.book)
        follow.wait_told(self.book)

    def check(self, money):
        """All that must hold in the end."""
        rows = follow.check_told(self, self.book, self.receiver)
        self.check_watched(money)
        result = follow.check_result(self, [self.yaml], [self.source], self.book)
        self.assertTrue(dye.adds_up(result))
        found = follow.check_alerts(self, [self.yaml], [self.source], self.book, self.rules)
        self.assertNotIn(PASSWORD, self.follower.told())
        return rows, found

    def check_watched(self, money):
        """What somebody paid to the watched address, by the node's own account."""
        paid = []
        for at, block in enumerate(money.path()):
            paid += [(i, money.floor + 1 + at) for i in money.links[block][1]
                     if i in money.known and "beacon" in money.known[i][1]]
        told = follow.query(self.book, "select tx, height from alert where kind='watched' and"
                            " state='confirmed'")
        self.assertEqual(sorted(told), sorted(paid))


class StormOfReorganisations(OnANode):
    """Whatever happens on the way, the end is right."""

    def setUp(self):
        super().setUp()
        self.dice, self.bad, self.took = random.Random(SEED), 0.25, []
        self.storm = Storm(self.node, self.dice)
        self.moods = random.Random(SEED + 1)  # asked by other threads: it must not move our dice
        self.begin(self.storm, "--poll", "60", "--level", "debug", mood=self.mood, more=[
            "  - {name: holders, when: holder, group: 2s, to: [desk]}",
            "  - {name: shapes, when: finding, to: [desk]}",
            "  - {name: large, when: move, min: [\"20 btc\"], to: [desk],"
            " throttle: {burst: 5, within: 3s}}"])

    def mood(self, _, times):
        """The first two times a message comes anything may happen to it."""
        if times > 2 or self.moods.random() > self.bad:
            return "good"
        return self.moods.choice(["late", "500", "nothing", "garbage", "early", "500", "early"])

    def trouble(self):
        storm, dice = self.storm, self.dice
        what = dice.random()
        if what < 0.14:
            storm.reorganise()
        elif what < 0.18:
            storm.reconsider()
        elif what < 0.20:
            storm.freeze()
        elif what < 0.25:
            storm.crash()
        elif what < 0.31:
            self.follower.kill()
            time.sleep(dice.choice([0, 0, 0.3]))
            self.follower.start()
        elif what < 0.34:
            self.took.append(self.follower.stop())
            self.follower.start()

    def test_the_end_is_that_of_the_final_chain(self):
        self.follower.start()
        while self.storm.hops < HOPS:
            self.storm.block()
            self.trouble()
            time.sleep(0.02)
        self.bad = 0
        self.quiet(self.storm)
        self.took.append(self.follower.stop())
        self.assertLess(max(self.took), follow.STOP_SECONDS_MAX)
        rows, found = self.check(self.storm)
        print("%d hops, %d blocks, %d starts, %s; %d alerts hold of %d (%d were withdrawn), %d"
              " revisions, %d messages" % (
                  self.storm.hops, len(self.storm.path()), self.follower.starts, self.storm.did,
                  len(found), len({r[0] for r in rows}),
                  len({r[0] for r in rows if r[2] == "withdrawn"}), len(rows),
                  len(self.receiver.times)))


class Pending(OnANode):
    """What waits, told by a node that is asked again and again (getrawmempool)."""

    def setUp(self):
        super().setUp()
        self.money = Money(self.node)
        self.begin(self.money, "--poll", "100")
        self.follower.start()
        self.follower.wait_for("event=caught-up")
        # Four coins of the thief's, each in a wallet of its own.
        money = self.money
        coin = max(money.stolen(), key=lambda c: c.value)
        money.send(money.spend([coin], [("hop %s" % n, 10 * COIN) for n in "abcd"]))
        money.generate()
        self.coin = {n: next(c for o, c in money.coins() if o == "hop " + n) for n in "abcd"}

    def pay(self, name, whom="service", fee=2000, amount=COIN):
        return self.money.spend([self.coin[name]], [(whom, amount), ("hop %s rest" % name, 0)],
                                fee)

    def told(self, tx, state, **more):
        return self.receiver.wait_for(tx=tx.txid, kind="arrival", state=state, **more)[0]

    def end(self):
        self.quiet(self.money)
        self.assertLess(self.follower.stop(), follow.STOP_SECONDS_MAX)
        return self.check(self.money)

    def test_confirmed_replaced_and_spent_elsewhere(self):
        money = self.money
        one, two, three = (self.pay(n) for n in "abc")
        for tx in (one, two, three):
            money.send(tx)
        first = [self.told(tx, "pending") for tx in (one, two, three)]
        self.assertEqual([(a["revision"], a["height"]) for a in first], [(1, None)] * 3)
        # Of the second another one takes the place, for a greater fee; a block spends the third's
        # coin otherwise.
        instead = self.pay("b", "hop x", 50_000)
        money.send(instead)
        self.told(two, "withdrawn")
        self.receiver.wait_for(tx=instead.txid, kind="move", state="pending")
        elsewhere = self.pay("c", "hop y")
        money.by_hand([[one, elsewhere]])
        last = self.told(one, "confirmed")
        self.assertEqual((last["id"], last["revision"], last["height"]),
                         (first[0]["id"], 2, self.node.height()))
        self.told(three, "withdrawn")
        self.receiver.wait_for(tx=elsewhere.txid, kind="move", state="confirmed")
        self.assertEqual(money.pool(), [instead])
        money.generate()
        self.receiver.wait_for(tx=instead.txid, kind="move", state="confirmed")
        self.end()
        self.assertEqual(follow.query(self.book, "select revision, state from history where id=?"
                                      " order by revision", first[2]["id"]),
                         [(1, "pending"), (2, "withdrawn")])

    def test_a_branch_takes_back_and_the_next_gives_again(self):
        money = self.money
        tx = self.pay("a")
        money.send(tx)
        self.told(tx, "pending")
        fork = self.node.call("getbestblockhash")
        money.generate()
        mined = self.node.call("getbestblockhash")
        first = self.told(tx, "confirmed")
        # Another branch spends the coin otherwise, two blocks long.
        other = self.pay("a", "hop z")
        money.by_hand([[other], []], fork)
        self.told(tx, "withdrawn")
        self.receiver.wait_for(tx=other.txid, kind="move", state="confirmed")
        # And the first one is the longest again.
        money.by_hand([[], []], mined)
        again = self.told(tx, "confirmed", revision=first["revision"] + 2)
        self.assertEqual((again["id"], again["height"]), (first["id"], first["height"]))
        self.receiver.wait_for(tx=other.txid, kind="move", state="withdrawn")
        # That is undone for good. In a third branch nothing is at first, so the other one waits.
        self.node.call("invalidateblock", mined)
        money.by_hand([[]] * 4, fork)
        self.told(tx, "withdrawn", revision=first["revision"] + 3)
        self.assertEqual(money.pool(), [other])
        money.generate()
        # Told or not: on the way here the node may have stood on its first branch for a moment, and
        # an alert that holds again a block later is no news.
        height = self.node.height()
        follow.wait_until("the other payment holds", lambda: follow.query(
            self.book, "select 1 from alert where tx=? and kind='move' and state='confirmed' "
            "and height=? and shaken=0", other.txid, height))
        self.end()

    def test_a_node_that_was_killed_has_forgotten_what_waited(self):
        money = self.money
        kept, lost = self.pay("a"), self.pay("b")
        for tx in (kept, lost):
            money.send(tx)
            self.told(tx, "pending")
        money.kill()
        self.told(lost, "withdrawn")
        money.send(kept)  # its sender's wallet sends it anew
        self.told(kept, "pending", revision=3)
        money.generate()
        self.told(kept, "confirmed")
        self.end()


if __name__ == "__main__":
    unittest.main()
