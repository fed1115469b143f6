"""`dyepack import`: what a source says is in the ledger and nothing else, whatever the source,
however often it was interrupted, and whatever the chain did meanwhile; and mistakes are told.
"""
# Covers: cli/import.c cli/intake.c cli/ledger_source.c cli/ledger_common.c
import fcntl
import os
import random
import resource
import signal
import subprocess
import time
import unittest

import dye
import ledgers
import rpc_server
from test_bitcoin_rpc import FIRST
from test_evm_rpc import RECORDED
from test_resume import of_another_ledger, with_tip

BYBIT = os.path.join(dye.ROOT, "incidents", "bybit-2025-02", "movements.csv")
BITCOIN = os.path.join(dye.ROOT, "tests", "data", "bitcoin")
REORG = [os.path.join(BITCOIN, "reorg-blk_%s.dat" % name) for name in ("0_to_4", "3A", "4A", "5A")]
# A few rows a unit and a block that is final soon: many segments out of little data.
SMALL = {**os.environ, "DYEPACK_UNIT_ROWS": "16", "DYEPACK_FINAL_BLOCKS": "2"}


def files(folder):
    """Name and bytes of every file of a ledger."""
    found = {}
    for place, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(place, name)
            with open(path, "rb") as file:
                found[os.path.relpath(path, folder)] = file.read()
    return found


class Import(dye.Case):
    def setUp(self):
        super().setUp()
        self.ledger = self.path("ledger")

    def take(self, *args, ledger=None, env=SMALL):
        return self.done("import", *args, "--ledger", ledger or self.ledger, "--quiet", env=env)

    def table(self, *args):
        return self.done("movements", *args, "--quiet")

    def kept(self, chain):
        """What the ledger says, as a table."""
        return self.table("ledger:" + self.ledger, "--chain", chain)

    def accounts(self, seed=1, blocks=300, **more):
        return ledgers.Accounts(seed, blocks, **more)


class Sources(Import):
    def test_every_kind_of_source_comes_back_as_it_was(self):
        etl = "mainnet-15000000-15000004"
        for chain, source in (("ethereum", BYBIT),
                              ("bitcoin", os.path.join(BITCOIN, "mainnet-1-5.dat")),
                              ("ethereum", "csv:" + self.write("made.txt", self.accounts().csv()))):
            self.ledger = self.path("ledger-of-" + os.path.basename(source))
            self.take(source)
            self.assertEqual(self.kept(chain), self.table(source))
            # A folder needs no prefix.
            self.assertEqual(self.table(self.ledger), self.table(source))
            self.assertIn("all right", self.done("ledger", "verify", self.ledger, "--quiet"))
        for chain, source in (("bitcoin", ("bitcoin", "mainnet-1-255.dat")),
                              ("bitcoin", ("bitcoin", "mainnet-866342.blk")),
                              ("ethereum", ("ethereum", etl))):
            source = dye.data(*source)
            self.ledger = self.path("ledger-of-" + os.path.basename(source))
            # The last block of the export's files is of two branches.
            until = ["--until", "15000003"] if chain == "ethereum" else []
            self.take(source, *until)
            self.assertEqual(self.kept(chain), self.table(source, *until))
            self.assertIn("all right", self.done("ledger", "verify", self.ledger, "--quiet"))

    def test_two_chains_live_side_by_side(self):
        blocks = os.path.join(BITCOIN, "mainnet-1-5.dat")
        self.take(BYBIT)
        before = files(os.path.join(self.ledger, "ethereum"))
        self.take(blocks)
        self.assertEqual(files(os.path.join(self.ledger, "ethereum")), before)
        self.assertEqual(self.kept("bitcoin"), self.table(blocks))
        self.assertEqual(self.kept("ethereum"), self.table(BYBIT))
        self.refused("movements", self.ledger, "--quiet", says=["bitcoin", "ethereum"])

    def test_the_same_again_changes_nothing(self):
        for source in (BYBIT, os.path.join(BITCOIN, "mainnet-1-5.dat")):
            self.take(source)
            before = files(self.ledger)
            self.assertIn("nothing new", self.take(source))
            self.assertEqual(files(self.ledger), before)

    def test_a_ledger_of_a_ledger_is_the_same_ledger(self):
        self.take(BYBIT)
        other = self.path("other")
        self.take("ledger:" + self.ledger, ledger=other)
        self.assertEqual(files(other), files(self.ledger))
        self.assertIn("nothing new", self.take("ledger:" + self.ledger, ledger=other))

    def test_an_export_that_grows_is_gone_on_with(self):
        made = self.accounts()
        whole = self.path("whole")
        self.take(self.write("all.csv", made.csv()), ledger=whole)
        for last in (7, 120, 121, 299):
            self.take(self.write("part.csv", made.csv(last=last)))
        # The last one had been cut in the middle of a block, and then begins late.
        self.take(self.write("part.csv", made.csv(first=200)))
        self.assertEqual(files(self.ledger), files(whole))

    def test_a_block_that_was_not_whole_is_taken_again(self):
        made = self.accounts()
        whole = self.path("whole")
        self.take(self.write("all.csv", made.csv()), ledger=whole)
        self.take(self.write("part.csv", made.csv(rows_max=200)))
        self.take(self.write("all.csv", made.csv()))
        self.assertEqual(files(self.ledger), files(whole))

    def test_a_range_is_a_range(self):
        blocks = os.path.join(BITCOIN, "mainnet-1-5.dat")
        self.take(blocks, "--from", "2", "--until", "4")
        self.assertEqual({line.split(",")[0] for line in self.kept("bitcoin").splitlines()[1:]},
                         {"2", "3", "4"})
        self.assertIn("left out: 1 blocks that lie before", self.take(blocks, "--from", "0"))

    def test_the_end_tells_what_came_of_it(self):
        text = self.take(BYBIT)
        self.assertIn("imported 240 blocks of ethereum (21895319 to 22190702), 283 movements", text)
        size = sum(len(content) for content in files(self.ledger).values())
        self.assertIn("283 movements, %d bytes" % size, text)


class Nodes(Import):
    def test_a_node_is_gone_on_with_and_its_reorganisation_followed(self):
        whole = self.path("whole")
        with rpc_server.Server(RECORDED["calls"]) as node:
            self.take(node.url, "--chain", "ethereum", ledger=whole)
        with rpc_server.Server(with_tip(20)) as node:
            self.take(node.url, "--chain", "ethereum")
        with rpc_server.Server(RECORDED["calls"]) as node:
            self.take(node.url, "--chain", "ethereum")
            asked = [int(p[0], 16) for m, p in node.asked
                     if m == "eth_getBlockByNumber" and p[1] and p[0].startswith("0x")]
            self.assertEqual(min(asked), 21)
            self.assertIn("nothing new", self.take(node.url, "--chain", "ethereum"))
        self.assertEqual(self.kept("ethereum"),
                         self.table("ledger:" + whole))

    def test_a_node_that_lags_or_is_of_another_ledger_takes_nothing_back(self):
        with rpc_server.Server(RECORDED["calls"]) as node:
            self.take(node.url, "--chain", "ethereum")
        before = files(self.ledger)
        for calls, words in ((with_tip(20), ["yet", "caught up"]),
                             (of_another_ledger(), ["differs", "--again"])):
            with rpc_server.Server(calls) as node:
                self.refused("import", node.url, "--chain", "ethereum", "--ledger", self.ledger,
                             "--quiet", "--tries", "2", env=SMALL, says=words)
        self.assertEqual(files(self.ledger), before)

    def test_a_bitcoin_node_says_what_its_blocks_say(self):
        calls = rpc_server.load("btcd-regtest.json")
        with rpc_server.Server(calls) as node:
            args = ["bitcoin-rpc:" + node.url, "--from", FIRST]
            said = self.table(*args)
            self.take(*args)
            self.assertEqual(self.table(self.ledger), said)
            # Who goes on asks for the hashes below, for the chain may reorganise.
            for height in range(1, FIRST):
                node.tell("getblockhash", [height], "%064x" % height)
            self.assertIn("nothing new", self.take(*args))

    def test_an_interrupt_keeps_what_was_read(self):
        def slow(number, _):
            if number > 12:
                time.sleep(0.2)
        with rpc_server.Server(RECORDED["calls"], misbehave=slow) as node:
            args = [dye.DYEPACK, "import", node.url, "--chain", "ethereum", "--ledger", self.ledger,
                    "--quiet"]
            with subprocess.Popen(args, cwd=dye.ROOT, stdout=subprocess.PIPE, env=SMALL,
                                  stderr=subprocess.PIPE, text=True) as process:
                while node.requests < 30 and process.poll() is None:
                    time.sleep(0.01)
                process.send_signal(signal.SIGINT)
                _, told = process.communicate(timeout=60)
                self.assertEqual(process.returncode, 1)
                self.assertIn("interrupted; what was imported is kept", told)
        with rpc_server.Server(RECORDED["calls"]) as node:
            self.take(node.url, "--chain", "ethereum")
            self.assertEqual(self.kept("ethereum"), self.table("--chain", "ethereum", node.url))


class Reorganisations(Import):
    def test_files_that_grew_by_a_better_branch_are_followed(self):
        whole = self.path("whole")
        self.take(*REORG, ledger=whole)
        self.take(REORG[0])
        told = dye.run("import", *REORG, "--ledger", self.ledger, env=SMALL)
        self.assertEqual(told.returncode, 0)
        self.assertIn("the chain reorganised: blocks 3 to 4 taken back", told.stderr)
        self.assertEqual(files(self.ledger), files(whole))

    def test_a_table_that_was_corrected_is_followed_from_the_first_difference(self):
        made = self.accounts()
        other = self.accounts()
        _, _, txs = other.blocks[250]
        txs[0]["rows"][0]["amount"] += 1
        self.take(self.write("a.csv", made.csv()))
        self.take(self.write("b.csv", other.csv()))
        whole = self.path("whole")
        self.take(self.write("b.csv", other.csv()), ledger=whole)
        self.assertEqual(files(self.ledger), files(whole))

    def test_heights_that_lie_far_apart_are_compared_at_once(self):
        def table(*heights):
            rows = ["block,tx,from,to,amount_base\n"]
            rows += ["%d,0x%064x,0x%040x,0x%040x,%d\n" % (h, h + 1, 1, 2, 5) for h in heights]
            return self.write("far.csv", "".join(rows))
        far = (1, 10 ** 6, 10 ** 12, 10 ** 18)
        self.take(table(*far))
        before = files(self.ledger)
        self.assertIn("nothing new", self.take(table(*far)))
        self.assertEqual(files(self.ledger), before)
        self.assertIn("nothing new", self.take("ledger:" + self.ledger))
        self.take(table(1, 10 ** 6, 10 ** 18))
        self.assertEqual(self.kept("ethereum"), self.table(table(1, 10 ** 6, 10 ** 18)))

    def test_rows_that_vanished_between_two_blocks_are_noticed(self):
        made = self.accounts()
        other = self.accounts()
        del other.blocks[100:103]
        self.take(self.write("a.csv", made.csv()))
        self.take(self.write("b.csv", other.csv()))
        self.assertEqual(self.kept("ethereum"), self.table(self.write("b.csv", other.csv())))

    def test_a_table_that_shares_nothing_takes_nothing_back_unless_told(self):
        self.take(self.write("a.csv", self.accounts().csv()))
        before = files(self.ledger)
        other = self.write("b.csv", self.accounts(seed=2).csv(first=100))
        self.refused("import", other, "--ledger", self.ledger, "--quiet", env=SMALL,
                     says=["b.csv: block 100 differs", "--again 100"])
        self.assertEqual(files(self.ledger), before)
        self.take(other, "--again", "100")
        whole = self.path("whole")
        self.take(self.write("c.csv", self.accounts().csv(last=99)), ledger=whole)
        self.take(other, ledger=whole)
        self.assertEqual(files(self.ledger), files(whole))


class Interruptions(Import):
    def test_killed_anywhere_and_resumed_it_is_the_same_ledger(self):
        source = self.write("all.csv", self.accounts(blocks=1500).csv())
        env = {**SMALL, "DYEPACK_COMMIT_ROWS": "60"}
        whole = self.path("whole")
        begun = time.monotonic()
        self.take(source, ledger=whole, env=env)
        seconds = time.monotonic() - begun
        chance = random.Random(5)
        kills = 0
        for _ in range(30):
            args = [dye.DYEPACK, "import", source, "--ledger", self.ledger, "--quiet"]
            with subprocess.Popen(args, cwd=dye.ROOT, env=env,
                                  stdout=subprocess.DEVNULL) as process:
                try:
                    process.wait(timeout=chance.uniform(0, seconds / 6))
                except subprocess.TimeoutExpired:
                    process.kill()
                    kills += 1
        self.assertGreater(kills, 3)
        self.take(source, env=env)
        self.assertEqual(files(self.ledger), files(whole))

    def test_one_importer_at_a_time(self):
        self.take(BYBIT)
        with open(os.path.join(self.ledger, "ethereum", "lock"), "rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self.refused("import", BYBIT, "--ledger", self.ledger, "--quiet", says=["import"])
            # Readers are never in the way.
            self.assertEqual(self.kept("ethereum"), self.table(BYBIT))
        self.assertIn("nothing new", self.take(BYBIT))

    def test_a_full_disk_loses_nothing_that_was_kept(self):
        made = self.accounts(blocks=2000)
        self.take(self.write("part.csv", made.csv(last=200)))
        source = self.write("all.csv", made.csv())

        def little():
            # A file may not grow beyond this: what a full disk looks like to who writes.
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (60000, 60000))
        env = {**SMALL, "DYEPACK_UNIT_ROWS": "4096"}
        self.ledger = self.path("other")
        self.take(self.path("part.csv"), env=env)
        before = self.kept("ethereum")
        result = subprocess.run([dye.DYEPACK, "import", source, "--ledger", self.ledger, "--quiet"],
                                preexec_fn=little, env=env, capture_output=True, text=True,
                                check=False, timeout=60)
        self.assertEqual((result.returncode, len(result.stderr.splitlines())), (1, 1),
                         result.stderr)
        self.assertIn("File too large", result.stderr)
        self.assertTrue(self.kept("ethereum").startswith(before))
        self.take(source, env=env)
        self.assertEqual(self.kept("ethereum"), self.table(source))


class Damage(Import):
    def flip(self, name, offset):
        path = os.path.join(self.ledger, "ethereum", name)
        with open(path, "r+b") as file:
            file.seek(offset, os.SEEK_END if offset < 0 else os.SEEK_SET)
            byte = file.read(1)
            file.seek(-1, os.SEEK_CUR)
            file.write(bytes([byte[0] ^ 0x10]))

    def test_a_broken_segment_is_named_and_built_again(self):
        source = self.write("all.csv", self.accounts().csv())
        self.take(source)
        good = files(self.ledger)
        segments = sorted(name for name in good if name.endswith(".seg"))
        self.assertGreater(len(segments), 2)
        for name in (segments[0], segments[-1]):
            self.flip(os.path.basename(name), 5000)
            result = dye.run("ledger", "verify", self.ledger, "--quiet", env=SMALL)
            self.assertEqual((result.returncode, result.stderr), (1, ""))
            self.assertIn(os.path.basename(name), result.stdout)
            self.assertIn("dyepack import SOURCE --ledger %s --chain ethereum --repair"
                          % self.ledger, result.stdout)
            self.assertIn("built again", self.take(source, "--repair"))
            self.assertEqual(files(self.ledger), good)
        self.assertIn("nothing is broken", self.take(source, "--repair"))

    def test_another_source_mends_nothing(self):
        source = self.write("all.csv", self.accounts().csv())
        self.take(source)
        self.flip(sorted(n for n in files(self.ledger) if n.endswith(".seg"))[0][9:], 5000)
        before = files(self.ledger)
        other = self.write("other.csv", self.accounts(seed=2).csv())
        result = dye.run("import", other, "--ledger", self.ledger, "--repair", "--quiet", env=SMALL)
        self.assertEqual(result.returncode, 1)
        self.assertEqual(files(self.ledger), before)

    def test_a_newer_format_and_a_torn_manifest_are_told(self):
        self.take(BYBIT)
        path = os.path.join(self.ledger, "ethereum", "manifest")
        with open(path, encoding="utf-8") as file:
            text = file.read()
        self.write(path, text.replace("dyepack ledger 2", "dyepack ledger 3"))
        self.refused("import", BYBIT, "--ledger", self.ledger, "--quiet", says=["newer"])
        self.write(path, text[:-9])
        self.refused("import", BYBIT, "--ledger", self.ledger, "--quiet", says=["manifest"])


class Coins(Import):
    """Sources of a UTXO chain that cannot be right: one coin spent twice, or one never made."""
    HEADER = "block,time,tx,index,kind,from,to,asset,amount_base\n"
    ALICE, BOB = "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2", "12c6DSiU4Rq3P4ZxziKxzrL5LmMBrzjrJX"

    def row(self, block, tx, kind, source, target, amount):
        return "%d,%d,%064x,1,%s,%s,%s,BTC,%d\n" % (block, 1_600_000_000 + 600 * block, tx, kind,
                                                    source, target, amount)

    def coins(self, last, bad=None, spends="%064x:0" % 1):
        """Block 2 spends the coin of block 1, and so does the bad one."""
        lines = [self.HEADER, self.row(1, 1, "output", "", self.ALICE, 5000)]
        for block in range(2, last + 1):
            if block in (2, bad):
                coin = "%064x:0" % 1 if block == 2 else spends
                lines.append(self.row(block, block, "input", coin, "", 5000))
                lines.append(self.row(block, block, "output", "", self.BOB, 5000))
            else:
                lines += [self.row(block, block, "output", "", self.BOB, 10 + i) for i in range(8)]
        return "".join(lines)

    def bad(self, *args, says=()):
        """An import that fails with exit 1, whatever it kept."""
        return self.refused("import", *args, "--ledger", self.ledger, "--quiet", "--chain",
                            "bitcoin", says=says, env=SMALL)

    def test_a_coin_spent_twice_in_segments_far_apart_is_refused(self):
        self.take(self.write("good.csv", self.coins(40)), "--chain", "bitcoin")
        before = self.kept("bitcoin")
        self.assertGreater(len([n for n in files(self.ledger) if n.endswith(".seg")]), 1)
        self.bad(self.write("bad.csv", self.coins(400, bad=300)),
                 says=["block 300 spends %064x:0" % 1, "spent before", "in block 2 by %064x" % 2,
                       "--again 300"])
        # In one segment, or two that become one, it is the builder that says so.
        self.bad(self.write("bad.csv", self.coins(400, bad=60)),
                 says=["block 60 spends %064x:0" % 1, "spent before", "--again 60"])
        self.assertTrue(self.kept("bitcoin").startswith(before))
        good = self.write("good.csv", self.coins(400))
        self.take(good, "--chain", "bitcoin")
        self.assertEqual(self.kept("bitcoin"), self.table(good, "--chain", "bitcoin"))
        self.assertIn("all right", self.done("ledger", "verify", self.ledger, "--quiet"))

    def test_a_false_block_in_the_tail_is_told_and_can_be_forgotten(self):
        good = self.write("good.csv", self.coins(40))
        for spends, words in (("%064x:0" % 1, "spent before"), ("%064x:7" % 1, "has 1 outputs")):
            self.ledger = self.path("of " + words)
            self.take(self.write("part.csv", self.coins(39)), "--chain", "bitcoin")
            line = self.bad(self.write("bad.csv", self.coins(40, bad=40, spends=spends)),
                            says=[words, "--again "])
            result = dye.run("ledger", "verify", self.ledger, "--quiet", env=SMALL)
            self.assertEqual((result.returncode, result.stderr), (1, ""))
            self.assertIn(words, result.stdout)
            self.refused("movements", self.ledger, "--quiet", says=[words, "--again "])
            height = line.split("--again ")[1].split('"')[0]
            self.take(good, "--chain", "bitcoin", "--again", height)
            self.assertEqual(self.kept("bitcoin"), self.table(good, "--chain", "bitcoin"))
            self.assertIn("all right", self.done("ledger", "verify", self.ledger, "--quiet"))


class Mistakes(Import):
    def test_misuse_is_told(self):
        for args, words in (([BYBIT], "--ledger DIR"), (["--ledger", "x"], "no source"),
                            ([BYBIT, "--ledger", "x", "--chain", "etherum"], "unknown chain"),
                            ([BYBIT, "--ledger", "x", "--again", "soon"], "--again takes"),
                            ([BYBIT, "--ledger", "x", "--compress-below", "y"], "--compress-below"),
                            ([BYBIT, "--ledger", "x", "--repair", "--again", "1"], "--repair")):
            self.refused("import", *args, code=2, says=[words])
        self.assertFalse(os.path.exists(os.path.join(dye.ROOT, "x")))

    def test_what_cannot_be_imported_is_told_and_makes_no_ledger(self):
        for source, words in ((self.path("none.csv"), "no such file"),
                              (self.write("bad.csv", "a,b\n1,2\n"), "bad.csv")):
            self.refused("import", source, "--ledger", self.ledger, "--quiet", says=[words])
        self.assertFalse(os.path.exists(self.ledger))

    def test_blocks_with_hashes_do_not_follow_blocks_without(self):
        blocks = os.path.join(BITCOIN, "mainnet-1-5.dat")
        self.take(self.write("t.csv", self.table(blocks)), "--chain", "bitcoin")
        self.refused("import", blocks, "--ledger", self.ledger, "--quiet",
                     says=["has its own block hashes", "another folder"])

    def test_a_gap_between_ledger_and_source_is_refused(self):
        data = dye.data("bitcoin", "mainnet-1-255.dat")
        self.take(os.path.join(BITCOIN, "mainnet-1-5.dat"))
        self.refused("import", data, "--from", "100", "--ledger", self.ledger, "--quiet",
                     says=["begins with block 100", "ends with block 5", "between"])
        self.take(data)
        self.assertEqual(self.kept("bitcoin"), self.table(data))

    def test_a_source_that_is_damaged_halfway_leaves_what_came_before(self):
        with open(os.path.join(BITCOIN, "mainnet-1-5.dat"), "rb") as file:
            content = bytearray(file.read())
        content[-20] ^= 1  # in the last block's coinbase
        result = dye.run("import", self.write("blk00000.dat", bytes(content)), "--ledger",
                         self.ledger, "--quiet")
        self.assertEqual((result.returncode, result.stdout), (1, ""))
        self.assertIn("block 5", result.stderr)
        self.take(os.path.join(BITCOIN, "mainnet-1-5.dat"))


if __name__ == "__main__":
    unittest.main()
