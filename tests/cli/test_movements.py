"""`dyepack movements`: what a source says, as a table; tracing the table gives what tracing the
source gives.
"""
import csv
import io
import json
import os
import unittest

import dye

# Covers: cli/movements.c cli/run.c cli/source_options.c
BYBIT = os.path.join(dye.ROOT, "incidents", "bybit-2025-02")
BLOCKS = os.path.join(dye.ROOT, "tests", "data", "bitcoin", "mainnet-1-5.dat")


class Movements(dye.Case):
    def movements(self, *args):
        return self.done("movements", *args, "--quiet")

    def test_the_table_of_a_table_traces_as_the_table_does(self):
        source = os.path.join(BYBIT, "movements.csv")
        case = os.path.join(BYBIT, "case.yaml")
        table = self.write("again.csv", self.movements(source))
        self.assertEqual(self.trace(case, table), self.trace(case, source))
        # And is its own table.
        with open(table, encoding="utf-8") as file:
            self.assertEqual(self.movements(table), file.read())

    def test_the_table_of_block_files_traces_as_they_do(self):
        blocks = dye.data("bitcoin", "mainnet-1-255.dat")
        coin = "0437cd7f8525ceed2324359c2d0ba26006d92d856a9c20fa0241106ee5a597c9:0"
        case = self.case("first", "bitcoin", stolen=[{"outpoint": coin}])
        table = self.write("blocks.csv", self.movements(blocks))
        with open(table, encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        spending = {r["tx"] for r in rows if r["kind"] == "input"}
        self.assertEqual(len({r["tx"] for r in rows} - spending), 255)  # one coinbase a block
        self.assertEqual({r["asset"] for r in rows}, {"BTC"})
        got, want = (json.loads(self.trace(case, path)) for path in (table, blocks))
        # A table has no memos, and says so.
        said = got["assumptions"].pop()
        self.assertIn("memos", said)
        # It has no bare keys either: coins paid to one are shown under the same address.
        self.assertEqual(got, want)

    def test_a_range_is_a_range(self):
        rows = list(csv.DictReader(io.StringIO(self.movements(BLOCKS, "--until", "3"))))
        self.assertEqual({r["block"] for r in rows}, {"1", "2", "3"})
        self.assertEqual(rows[0]["amount_base"], "5000000000")

    def test_what_a_thief_wrote_stays_in_its_cell(self):
        contract = "0x" + "ab" * 20
        source = self.write("decoy.csv", "block,tx,from,to,asset,contract,amount_base\n"
                            "1,0x%s,0x%s,0x%s,\"US\"\"DT\",%s,7\n"
                            % ("11" * 32, "01" * 20, "02" * 20, contract))
        row, = csv.DictReader(io.StringIO(self.movements("--chain", "ethereum", source)))
        self.assertEqual((row["asset"], row["contract"], row["amount_base"]),
                         ("US?DT", contract, "7"))
        with open(source, encoding="utf-8") as file:
            formula = self.write("formula.csv", file.read().replace("US\"\"DT", "=1+1"))
        row, = csv.DictReader(io.StringIO(self.movements("--chain", "ethereum", formula)))
        self.assertEqual(row["asset"], "?1+1")

    def test_misuse_is_told(self):
        for args, words in (([], "no source"), (["--chain", "bitcon", BLOCKS], "unknown chain"),
                            ([BLOCKS, "--from", "yesterday"], "--from takes a height or a time"),
                            ([BLOCKS, "--login", "alice"], "--login takes USER:PASSWORD"),
                            ([BLOCKS, "--threads", "0"], "--threads takes a number from 1"),
                            ([BLOCKS, "--in-flight", "99"], "--in-flight takes a number from 1")):
            result = dye.run("movements", *args)
            self.assertEqual((result.returncode, result.stdout), (2, ""))
            self.assertIn(words, result.stderr)

    def test_a_node_that_is_not_there_is_told_without_its_secrets(self):
        case = self.case("gone", stolen=[{"address": "0x" + "01" * 20, "asset": "eth",
                                          "amount": "1", "block": 1}])
        for url in ("http://alice:hunter2@dyepack.invalid:1/hunter2?k=hunter2",
                    "http://alice:hunter2@[::zz]:1/"):
            result = dye.run("trace", case, url)
            self.assertEqual((result.returncode, result.stdout), (1, ""))
            self.assertNotIn("hunter2", result.stderr)
            self.assertLess(len(result.stderr.splitlines()), 12)

    def test_no_secret_of_an_address_is_printed_however_it_is_written(self):
        case = self.case("typed", stolen=[{"address": "0x" + "01" * 20, "asset": "eth",
                                           "amount": "1", "block": 1}])
        for start in ("http://", "evm-rpc:http://", "bitcoin-rpc:https://", "evm_rpc:https://",
                      "EVM-RPC:http://", "wss://", "htp://", "http:/", "http:", "evm-rpc:",
                      "evm-rpc:wss://", "evm-rpc:htp://", "csv:http://"):
            for rest in ("alice99:hunter2@127.0.0.1:1/v3/hunter2?k=hunter2#hunter2",
                         "127.0.0.1:1/v3/hunter2?k=hunter2", "alice99:hun/hunter2@127.0.0.1:1/"):
                for command in (["trace", case], ["movements", "--chain", "ethereum"]):
                    result = dye.run(*command, start + rest, "--quiet", "--tries", "1")
                    with self.subTest(command=command, url=start + rest):
                        self.assertEqual(result.stdout, "")
                        self.assertIn(result.returncode, (1, 2))
                        self.assertNotIn("hunter2", result.stderr)
                        self.assertNotIn("alice99", result.stderr)
                        self.assertEqual(len(result.stderr.splitlines()), 1, result.stderr)


if __name__ == "__main__":
    unittest.main()
