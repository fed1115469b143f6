"""`dyepack follow` over two real nodes at once, anvil and btcd: one that stands still must not make
the other's alerts wait. And heads over a node's socket: a new block is noticed at once, however
seldom the node would be asked.

A node that was stopped (SIGSTOP) takes connections and requests, as its kernel does that, and never
answers: the worst that a node can do to who follows it.
"""
# Covers: cli/follow.c cli/follow_source.c live/live.c live/live_lane.c source/aside.c
# Covers: source/heads.c source/heads_ipc.c
import os
import signal
import socket
import threading
import time
import unittest

import nodes
import anvil
import btcd
import dye
import follow
from anvil import ETHER
from wallet import COIN, Tx

# One request to a node that says nothing is given up after twenty seconds: had anybody waited for
# it, all would be told later. A single alert may meet a busy machine, most of them do not.
UNDELAYED_SECONDS_MAX = 5
MEDIAN_SECONDS_MAX = 1
# The IPC follower asks by itself only so often.
POLL_SECONDS = 300
HEARD_SECONDS_MAX = 20
PASSWORD = btcd.Btcd.login.split(":")[1]


def setUpModule():
    nodes.watch_for(PASSWORD)


class Anvil(anvil.Anvil):
    """With a socket, where one is wanted. Its clock is today's, as what a block of long ago tells
    is grouped, and so late."""

    def __init__(self, ipc=None):
        super().__init__()
        self.ipc, self.time = ipc, int(time.time()) - 60

    def command(self):
        return super().command() + (["--ipc", self.ipc] if self.ipc else [])


class Ether:
    """A theft on anvil, and payments of the thief to a service."""

    def __init__(self, ipc=None):
        self.node = Anvil(ipc).start()
        self.node.call("anvil_setBlockTimestampInterval", 1)
        self.chain = anvil.Chain(self.node)
        self.chain.send("victim", "thief", 400 * ETHER, name="theft")
        self.chain.mine()

    @property
    def source(self):
        return "ethereum=" + self.node.url

    def case(self, test):
        at = self.chain.at
        return test.case("ether", "ethereum", stolen=[
            {"address": at["thief"], "tx": self.chain.tx["theft"]}], services=[
                {"address": at["service"], "name": "An Exchange", "by": "the test"}])

    def send(self):
        """A payment to the service, that waits."""
        return self.chain.send("thief", "service", ETHER)

    def mine(self):
        self.chain.mine()


class Bitcoin:
    """The same on btcd."""

    def __init__(self):
        self.node = btcd.Btcd().start()
        self.chain = btcd.Chain(self.node)
        self.chain.mine(btcd.RIPE)
        btcd.funds(self.chain)
        btcd.theft(self.chain)
        self.coin, self.sent = self.chain.coin["thief"], 0

    @property
    def source(self):
        return "regtest=http://%s@127.0.0.1:%d" % (self.node.login, self.node.port)

    def case(self, test):
        tx = self.chain.tx["theft"]
        return test.case("coins", "regtest", stolen=[
            {"outpoint": tx + ":0"}, {"outpoint": tx + ":1"}], services=[
                {"address": self.chain.who("service").address(), "name": "A Service",
                 "by": "the test"}])

    def send(self):
        thief, service = self.chain.who("thief"), self.chain.who("service")
        self.sent += 1  # of another amount each time, so that none is another's repetition
        tx = Tx([self.coin], [(COIN + self.sent, service.p2wpkh),
                              (self.coin.value - COIN - self.sent - 1000, thief.p2wpkh)])
        self.coin = tx.coin(1, thief, 0)
        self.node.call("sendrawtransaction", tx.raw().hex())
        return tx.txid

    def mine(self):
        self.node.call("generate", 1)


class Followed(dye.Case):
    """A receiver, and a follower of what `worlds` has."""

    def begin(self, worlds, *words):
        self.worlds = worlds
        self.receiver = follow.Receiver()
        self.addCleanup(self.receiver.close)
        self.book = self.path("followed.casebook")
        self.cases = [w.case(self) for w in worlds]
        self.rules = follow.rules(self.folder, self.receiver.url, sink_more="timeout: 10s")
        self.follower = follow.Follower(
            self.folder, self.book, *self.cases, *[w.source for w in worlds], "--rules",
            self.rules, *words)
        self.addCleanup(self.follower.end)
        self.follower.start()
        self.follower.wait_for("event=caught-up", times=len(worlds))

    def told(self, tx, state="confirmed", seconds=follow.QUIET_SECONDS_MAX):
        return self.receiver.wait_for(seconds, tx=tx, kind="arrival", state=state)[0]

    def arrives(self, world):
        """A payment to the service, mined at once; gives how long it took until it was told."""
        began = time.monotonic()
        tx = world.send()
        world.mine()
        self.told(tx)
        return time.monotonic() - began

    def check(self):
        """All that must hold in the end, over both chains."""
        follow.wait_settled(self.book)
        follow.wait_told(self.book)
        self.assertLess(self.follower.stop(), follow.STOP_SECONDS_MAX)
        self.assertNotIn(PASSWORD, self.follower.told())
        sources = [w.source for w in self.worlds]
        follow.check_told(self, self.book, self.receiver)
        follow.check_result(self, self.cases, sources, self.book)
        follow.check_alerts(self, self.cases, sources, self.book, self.rules)


class TwoNodes(Followed):
    """One stands still; the other one's alerts come as ever."""

    def setUp(self):
        super().setUp()
        self.ether = Ether()
        self.addCleanup(self.ether.node.stop)
        self.coins = Bitcoin()
        self.addCleanup(self.coins.node.stop)
        self.begin([self.ether, self.coins], "--poll", "100")
        for world in self.worlds:
            self.arrives(world)

    def signal(self, world, number):
        world.node.process.send_signal(number)

    def check_undelayed(self, took):
        self.assertLess(max(took), UNDELAYED_SECONDS_MAX)
        self.assertLess(sorted(took)[len(took) // 2], MEDIAN_SECONDS_MAX)

    def while_it_stands_still(self, still, other):
        """Gives how long the other one's payments took until they were told."""
        lost = still.send()
        self.told(lost, "pending")
        self.signal(still, signal.SIGSTOP)
        took, end = [], time.monotonic() + 3
        while time.monotonic() < end:  # far longer than it goes without asking
            took.append(self.arrives(other))
            time.sleep(0.1)
        self.assertEqual(self.receiver.find(tx=lost, state="confirmed"), [])
        self.signal(still, signal.SIGCONT)
        still.mine()
        began = time.monotonic()
        self.told(lost)
        print("told within %d ms at most of %d while another node stood still; of that %d ms after"
              " it went on" % (1000 * max(took), len(took), 1000 * (time.monotonic() - began)))
        self.arrives(still)
        self.arrives(other)
        return took

    def test_each_goes_on_without_the_other(self):
        for still, other in ((self.ether, self.coins), (self.coins, self.ether)):
            self.check_undelayed(self.while_it_stands_still(still, other))
        self.check()

    def test_begun_while_a_node_stands_still(self):
        """Killed, and begun again beside a node that says nothing."""
        self.follower.kill()
        self.signal(self.coins, signal.SIGSTOP)
        self.follower.start()
        took = [self.arrives(self.ether) for _ in range(3)]
        print("begun beside a node that stands still, told within %d ms, then within %d ms" % (
            1000 * took[0], 1000 * max(took[1:])))
        self.check_undelayed(took)
        self.signal(self.coins, signal.SIGCONT)
        self.arrives(self.coins)
        self.check()

    def test_a_node_that_is_gone(self):
        """And that comes back without its last blocks: btcd had not written them."""
        self.coins.node.kill()
        self.check_undelayed([self.arrives(self.ether) for _ in range(5)])
        self.coins.node.start()
        self.coins.coin = self.coins.chain.coin["thief"]
        self.coins.chain.again()
        self.coins.mine()
        self.coins.mine()  # what was followed had one more than is made again
        self.arrives(self.coins)
        self.arrives(self.ether)
        self.check()


class Relay:
    """A socket before the node's own, that can be cut."""

    def __init__(self, path, to):
        self.path, self.to, self.ends, self.lock = path, to, [], threading.Lock()
        self.open()

    def open(self):
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen()
        threading.Thread(target=self.take, args=(self.listener,), daemon=True).start()

    def take(self, listener):
        while True:
            try:
                client, _ = listener.accept()
                node = socket.socket(socket.AF_UNIX)
                node.connect(self.to)
            except OSError:
                return
            with self.lock:
                self.ends += [client, node]
            for pair in ((client, node), (node, client)):
                threading.Thread(target=self.carry, args=pair, daemon=True).start()

    @staticmethod
    def carry(one, other):
        try:
            while data := one.recv(1 << 16):
                other.sendall(data)
        except OSError:
            pass
        for end in (one, other):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def cut(self):
        """Nobody listens any more, and who is connected is not."""
        os.unlink(self.path)
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        with self.lock:
            for end in self.ends:
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
                end.close()
            self.ends = []


class Socket(Followed):
    """ipc:/PATH, of a real node. It would be asked by itself once in five minutes."""

    def setUp(self):
        super().setUp()
        self.ipc = self.path("anvil.ipc")
        self.ether = Ether(self.ipc)
        self.addCleanup(self.ether.node.stop)
        follow.wait_until("anvil's socket", lambda: os.path.exists(self.ipc))

    def listen(self, path):
        self.begin([self.ether], "--poll", str(1000 * POLL_SECONDS), "--heads", "ipc:" + path,
                    "--level", "debug")
        # What comes after this has been heard of: the first of them may have been asked for.
        self.arrives(self.ether)

    def test_a_block_and_what_waits_are_heard_of(self):
        self.listen(self.ipc)
        took = []
        for _ in range(10):
            tx = self.ether.send()
            self.assertEqual(self.told(tx, "pending", HEARD_SECONDS_MAX)["revision"], 1)
            began = time.monotonic()
            self.ether.mine()
            self.assertEqual(self.told(tx, seconds=HEARD_SECONDS_MAX)["revision"], 2)
            took.append(time.monotonic() - began)
        print("from block to webhook over IPC: %d ms, at most %d ms" % (
            1000 * sorted(took)[5], 1000 * max(took)))
        self.check()

    def test_a_socket_that_breaks_and_comes_back(self):
        relay = Relay(self.path("relay.ipc"), self.ipc)
        self.listen(relay.path)
        relay.cut()
        self.follower.wait_for("state=lost")
        missed = self.ether.send()
        self.ether.mine()
        relay.open()
        self.addCleanup(relay.cut)
        self.follower.wait_for("state=back")
        self.told(missed, seconds=HEARD_SECONDS_MAX)  # though nobody told of its block
        self.assertLess(self.arrives(self.ether), HEARD_SECONDS_MAX)
        self.check()


if __name__ == "__main__":
    unittest.main()
