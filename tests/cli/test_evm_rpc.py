"""An Ethereum node that was recorded, replayed: every wei comes out whatever the node cannot do and
however it misbehaves, or the run ends with one clear line. tests/node asks the living one.
"""
# Covers: source/evm_rpc.c source/evm_node.c source/evm_proof.c
import copy
import csv
import io
import json
import subprocess
import time

import dye
import rpc_server

BALANCE, BLOCK, RECEIPTS = "eth_getBalance", "eth_getBlockByNumber", "eth_getBlockReceipts"
CALLS, PARITY = "debug_traceBlockByNumber", "trace_block"
QUICK = ["--tries", "4", "--quiet"]


def recording():
    text = subprocess.run(["zstd", "-dc", rpc_server.DATA + "/anvil.json.zst"], check=True,
                          stdout=subprocess.PIPE).stdout
    return json.loads(text)


RECORDED = recording()


def without(*methods):
    return [c for c in RECORDED["calls"] if c["method"] not in methods]


class Replayed(dye.Case):
    def movements(self, node, *args):
        result = dye.run("movements", "--chain", "ethereum", node.url, *QUICK, *args)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout

    def refused(self, node, *words, args=()):
        """The run ends with one line, soon, that has these words and nothing secret."""
        began = time.monotonic()
        result = dye.run("movements", "--chain", "ethereum", *QUICK, *args, node.url)
        self.assertEqual(result.returncode, 1, result.stderr)
        for word in words:
            self.assertIn(word, result.stderr)
        self.assertEqual(len(result.stderr.splitlines()), 1, result.stderr)
        self.assertLess(time.monotonic() - began, 60)
        return result.stderr

    def theft(self):
        return self.case("theft", stolen=[{"address": RECORDED["thief"], "asset": "eth",
                                           "tx": RECORDED["theft"], "amount": "400"}])


class Answers(Replayed):
    def test_balances_are_the_node_s_to_the_wei(self):
        with rpc_server.Server(RECORDED["calls"]) as node:
            table = self.movements(node)
        told = {}
        for call in RECORDED["calls"]:
            if call["method"] == BALANCE and int(call["params"][0], 16) != 0:
                who, height = call["params"]
                told.setdefault(who, {})[int(height, 16)] = int(call["result"], 16)
        balance = {who: heights[0] for who, heights in told.items()}
        for row in csv.DictReader(io.StringIO(table)):
            if row["asset"] != "ETH" or row["status"] == "failed" and row["kind"] != "fee":
                continue
            for side, sign in (("from", -1), ("to", 1)):
                who = row[side].lower()
                if who in balance:
                    balance[who] += sign * int(row["amount_base"])
        tip = max(height for heights in told.values() for height in heights)
        self.assertGreater(len(balance), 40)
        self.assertEqual(balance, {who: heights[tip] for who, heights in told.items()})

    def test_either_kind_of_traces_and_receipts_and_no_batches_give_the_same_rows(self):
        with rpc_server.Server(RECORDED["calls"]) as node:
            want = self.movements(node)
        single = [{"method": "eth_getTransactionReceipt", "params": [r["transactionHash"]],
                   "result": r} for c in RECORDED["calls"] if c["method"] == RECEIPTS
                  for r in c["result"]]
        with rpc_server.Server(without(CALLS)) as node:
            self.assertEqual(self.movements(node), want)
        with rpc_server.Server(without(PARITY, RECEIPTS) + single) as node:
            self.assertEqual(self.movements(node), want)
            self.assertEqual(node.count("eth_getTransactionReceipt"), len(single))
        with rpc_server.Server(RECORDED["calls"], batches=False) as node:
            self.assertEqual(self.movements(node), want)

    def test_a_node_without_traces_or_old_state_is_done_without_and_it_is_said(self):
        yaml = self.theft()
        with rpc_server.Server(RECORDED["calls"]) as node:
            whole = json.loads(self.trace(yaml, node.url))
        self.assertTrue(whole["conserved"])
        with rpc_server.Server(without(CALLS, PARITY, BALANCE)) as node:
            poor = json.loads(self.trace(yaml, node.url))
        self.assertTrue(poor["conserved"])
        said = " ".join(poor["assumptions"])
        self.assertIn("no traces", said)
        self.assertIn("opening balance assumed 0", said)
        self.assertNotIn("no traces", " ".join(whole["assumptions"]))

    def test_the_case_tells_where_to_begin(self):
        with rpc_server.Server(RECORDED["calls"]) as node:
            self.trace(self.theft(), node.url)
            asked = [int(p[0], 16) for m, p in node.asked if m == BLOCK and p[1]]
        theft, = [c for c in RECORDED["calls"] if c["method"] == "eth_getTransactionByHash"]
        self.assertEqual(min(asked), int(theft["result"]["blockNumber"], 16))

    def test_an_interrupted_book_goes_on_where_it_stopped(self):
        yaml, book = self.theft(), self.path("parts.casebook")
        with rpc_server.Server(RECORDED["calls"]) as node:
            once = self.trace(yaml, node.url)
            for until in ("20", "33", "34"):
                self.trace(yaml, node.url, "--casebook", book, "--until", until)
            node.asked.clear()
            self.assertEqual(self.trace(yaml, node.url, "--casebook", book), once)
            asked = [int(p[0], 16) for m, p in node.asked if m == BLOCK and p[1]]
            self.assertEqual(min(asked), 35)


class Misbehaviour(Replayed):
    def test_what_passes_is_waited_for(self):
        with rpc_server.Server(RECORDED["calls"]) as node:
            want = self.movements(node)

        def sometimes(number, _):
            return {3: (429, [("Retry-After", "1")], b"slow down"), 6: 0, 8: (502, [], b"<html>"),
                    9: (200, [], b"<html>busy</html>"), 11: (200, [], b'[{"jsonrpc": "2.0", "id'),
                    }.get(number)
        with rpc_server.Server(RECORDED["calls"], misbehave=sometimes) as node:
            self.assertEqual(self.movements(node, "--in-flight", "1"), want)

    def test_a_limit_in_words_of_its_own_is_waited_for(self):
        with rpc_server.Server(RECORDED["calls"]) as node:
            want = self.movements(node)

        def limited(number, calls):
            """Some requests are too many, as QuickNode says it: with HTTP 200."""
            if number not in (3, 4, 7, 9, 12):
                return None
            error = {"code": -32007, "message": "50/second request limit reached - reduce calls "
                                                "per second or upgrade your account"}
            many = isinstance(calls, list)
            said = [{"jsonrpc": "2.0", "id": call["id"], "error": error}
                    for call in (calls if many else [calls])]
            return (200, [], json.dumps(said if many else said[0]).encode())
        with rpc_server.Server(RECORDED["calls"], misbehave=limited) as node:
            self.assertEqual(self.movements(node, "--in-flight", "1"), want)

    def test_what_a_refusal_says_is_told_and_the_node_named_once(self):
        def refused(status, body):
            return lambda number, _: (status, [], body) if number > 0 else None
        archive = b'{"error":{"message":"project ID does not have access to archive state"}}'
        for status, body, words in (
                (401, b"", "wants a login or key (HTTP 401): give a login"),
                (403, archive, 'says "project ID does not have access to archive state"'),
                (402, b'{"error":"plan exhausted"}', '(HTTP 402), it says "plan exhausted"'),
                (429, b"slow down\nplease", 'is busy (HTTP 429), it says "slow down"'),
                (404, b"", "answered HTTP 404"),
                (200, b"<html>", "answered something that is not JSON"),
                (200, b"{}", "gave an answer without id and error")):
            with self.subTest(status=status, body=body), \
                    rpc_server.Server(RECORDED["calls"], misbehave=refused(status, body)) as node:
                line = self.refused(node, words, args=["--tries", "2"])
                self.assertEqual(line.count("127.0.0.1:%d" % node.port), 1, line)

    def test_any_lie_about_what_hashes_prove_is_refused_with_its_place(self):
        def height_with(method, test):
            return next(i for i, c in enumerate(RECORDED["calls"])
                        if c["method"] == method and c.get("result") and test(c))
        at = height_with(BLOCK, lambda c: c["params"][1] and
                         len(c["result"]["transactions"]) > 2)
        block = int(RECORDED["calls"][at]["params"][0], 16)
        receipts = next(i for i, c in enumerate(RECORDED["calls"])
                        if c["method"] == RECEIPTS and int(c["params"][0], 16) == block)

        def one_more(text):
            return hex(int(text, 16) + 1)
        lies = [
            (at, lambda r: r["transactions"][1].update(value="0x1")),
            (at, lambda r: r["transactions"].pop()),
            (at, lambda r: r["transactions"].reverse()),
            (at, lambda r: r.update(timestamp=one_more(r["timestamp"]))),
            (at, lambda r: r.update(miner="0x" + "11" * 20)),
            (at, lambda r: r.update(number=one_more(r["number"]))),
            (receipts, lambda r: r[0].update(gasUsed=one_more(r[0]["gasUsed"]))),
            (receipts, lambda r: r[0].update(status="0x0")),
            (receipts, lambda r: r[0]["logs"].append({"address": "0x" + "22" * 20, "topics": [],
                                                      "data": "0x", "logIndex": "0x0"})),
            (receipts, lambda r: r.pop()),
        ]
        for number, (index, lie) in enumerate(lies):
            calls = copy.deepcopy(RECORDED["calls"])
            lie(calls[index]["result"])
            with self.subTest(lie=number), rpc_server.Server(calls) as node:
                self.refused(node, "127.0.0.1:%d: block " % node.port)

    def test_nonsense_is_told(self):
        for method, result, words in (
                ("eth_chainId", "one", "eth_chainId"),
                ("eth_chainId", "0x89", "polygon"),
                ("eth_blockNumber", "0xffffffffffffffff", "eth_blockNumber"),
                ("eth_blockNumber", {"a": 1}, "eth_blockNumber"),
                ("eth_syncing", {"currentBlock": "0x1", "highestBlock": "0x99"}, "syncing")):
            calls = without(method) + [{"method": method, "params": [], "result": result}]
            with self.subTest(method=method), rpc_server.Server(calls) as node:
                self.refused(node, words)
        with rpc_server.Server([], misbehave=lambda *_: (200, [], b"<html>hello</html>")) as node:
            self.refused(node, "not JSON")
        with rpc_server.Server([], misbehave=lambda *_: (200, [], b"[" * 100000)) as node:
            self.refused(node, "eth_chainId")

    def test_an_answer_beyond_the_memory_allowed_is_refused(self):
        def large(number, _):
            return (200, [], b" " * (3 << 20)) if number > 6 else None
        with rpc_server.Server(RECORDED["calls"], misbehave=large) as node:
            self.refused(node, "more than", "allow more memory (--memory)",
                         args=["--memory", "4"])

    def test_another_place_gets_nothing(self):
        with rpc_server.Server(RECORDED["calls"]) as other:
            def elsewhere(*_):
                return (307, [("Location", other.url)], b"")
            with rpc_server.Server(RECORDED["calls"], misbehave=elsewhere) as node:
                self.refused(node, "redirects to another place")
            self.assertEqual(other.asked, [])

    def test_secrets_stay_secret(self):
        with rpc_server.Server(RECORDED["calls"], login="alice:hunter2-word") as node:
            url = node.url.replace("http://", "http://alice:hunter2-word@") + "/v3/hunter2-key"
            book = self.path("secret.casebook")
            self.trace(self.theft(), url, "--casebook", book)
            with open(book, "rb") as file:
                self.assertNotIn(b"hunter2", file.read())
            result = dye.run("trace", self.theft(), url.replace("-word", "-wrong"), *QUICK)
            self.assertEqual(result.returncode, 1)
            self.assertIn("refused the user and password (HTTP 401)", result.stderr)
            self.assertNotIn("hunter2", result.stderr)

    def test_what_a_node_says_of_a_trace_is_not_repeated(self):
        calls = copy.deepcopy(RECORDED["calls"])
        for call in calls:
            if call["method"] == CALLS and call.get("result"):
                call["result"][0] = {"error": "no luck with hunter2-key"}
        with rpc_server.Server(calls) as node:
            result = dye.run("movements", "--chain", "ethereum", node.url + "/v3/hunter2-key",
                             *QUICK)
            self.assertNotIn("hunter2", result.stderr)
            self.assertIn("could not trace", result.stderr)


if __name__ == "__main__":
    import unittest
    unittest.main()
