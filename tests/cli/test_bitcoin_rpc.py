"""What `dyepack trace` finds through a Bitcoin node, from a recorded session of btcd: it equals
what is found in the same blocks as a block file and as an export of bitcoin-etl, however the node
misbehaves short of lying; a node that lies, refuses or is of another chain is told in one line.

The recording holds blocks 103 to 108 of a regtest chain. Block 105 makes the coin that is stolen
here, 30 BTC; it is split in 106, joined again in the same block, and spent in 108, at a fee of
20,000, 10,000 and 10,000 satoshi.
"""
import json
import unittest

import dye
import rpc_server

SESSION = "btcd-regtest.json"
STOLEN = "9c5e8ed0634034811adf0fc04ac19bd887bc5fcc7e65d15d3a6945775f01a869:0"
REGTEST_MAGIC = bytes.fromhex("fabfb5da")
FIRST, LAST = 105, 108


class BitcoinRpc(dye.Case):
    """The recorded node, traced."""

    def setUp(self):
        super().setUp()
        self.calls = rpc_server.load(SESSION)
        self.yaml = self.case("rpc", "regtest", stolen=[{"outpoint": STOLEN}])

    def recorded(self, method, *params):
        for call in self.calls:
            if call["method"] == method and call["params"] == list(params):
                return call["result"]
        raise KeyError((method, params))

    def blocks(self):
        """The recorded blocks from FIRST on: as an object and as bytes."""
        for height in range(FIRST, LAST + 1):
            name = self.recorded("getblockhash", height)
            yield (self.recorded("getblock", name, 3),
                   bytes.fromhex(self.recorded("getblock", name, 0)))

    def by_node(self, node, *options, prefix="bitcoin-rpc:"):
        return self.trace(self.yaml, prefix + node.url, "--from", FIRST, *options)

    def by_file(self, name, content, *options):
        return self.trace(self.yaml, self.write(name, content), *options)

    def block_file(self):
        parts = []
        for _, raw in self.blocks():
            parts += [REGTEST_MAGIC, len(raw).to_bytes(4, "little"), raw]
        return b"".join(parts)

    def export(self):
        """The lines that bitcoin-etl writes of these blocks, not enriched."""
        lines = []
        for block, _ in self.blocks():
            lines.append({"type": "block", "hash": block["hash"], "number": block["height"],
                          "version": block["version"], "merkle_root": block["merkleroot"],
                          "timestamp": block["time"], "nonce": "%x" % block["nonce"],
                          "bits": block["bits"], "coinbase_param": "",
                          "transaction_count": len(block["rawtx"])})
            for index, tx in enumerate(block["rawtx"]):
                lines.append({
                    "type": "transaction", "hash": tx["txid"], "version": tx["version"],
                    "lock_time": tx["locktime"], "block_number": block["height"],
                    "block_hash": block["hash"], "block_timestamp": block["time"],
                    "is_coinbase": index == 0, "index": index,
                    "inputs": [{"index": i, "spent_transaction_hash": x["txid"],
                                "spent_output_index": x["vout"],
                                "script_hex": x["scriptSig"]["hex"], "sequence": x["sequence"],
                                "type": None, "addresses": [], "value": None}
                               for i, x in enumerate(tx["vin"]) if index > 0],
                    "outputs": [{"index": o["n"], "script_hex": o["scriptPubKey"]["hex"],
                                 "type": o["scriptPubKey"]["type"], "addresses": [],
                                 "value": round(o["value"] * 10**8)} for o in tx["vout"]]})
        return "".join(json.dumps(line) + "\n" for line in lines)

    @staticmethod
    def case_of(text):
        """What must be the same whatever the blocks were read from."""
        result = json.loads(text)
        return {k: v for k, v in result.items() if k not in ("assumptions", "gaps", "sources")}

    def test_what_is_found_through_the_node(self):
        with rpc_server.Server(self.calls) as node:
            result = json.loads(self.by_node(node))
        self.assertEqual(result["height"], LAST)
        self.assertTrue(result["conserved"])
        # Every unit is in the last output or went to fees.
        self.assertEqual(sum(int(h["origin"]) for h in result["holders"]) +
                         int(result["buckets"]["fee"]), 3000000000)
        self.assertEqual([h["amount"] for h in result["holders"]], ["2999960000"])

    def test_node_block_file_and_export_agree(self):
        with rpc_server.Server(self.calls) as node:
            by_node = self.case_of(self.by_node(node))
        self.assertEqual(by_node, self.case_of(self.by_file(
            "blk00000.dat", self.block_file(), "--start-height", FIRST)))
        self.assertEqual(by_node, self.case_of(self.by_file("export.json", self.export())))

    def test_a_block_that_an_export_leaves_out_is_stated(self):
        lines = [line for line in self.export().splitlines(True)
                 if 107 not in (json.loads(line).get("number"),
                                json.loads(line).get("block_number"))]
        result = json.loads(self.by_file("holes.json", "".join(lines)))
        said = result["assumptions"]
        self.assertTrue(any("leaves out 1 block in 1 place" in text for text in said), said)
        # The blocks that are there are there whole.
        self.assertFalse(any("certain addresses" in text for text in said), said)

    def test_how_it_is_asked_does_not_matter(self):
        with rpc_server.Server(self.calls) as node:
            want = self.by_node(node)
            self.assertEqual(want, self.by_node(node, "--in-flight", 1))
            self.assertEqual(want, self.by_node(node, prefix=""))
        with rpc_server.Server(self.calls, batches=False) as node:
            self.assertEqual(want, self.by_node(node))

    def test_a_node_that_is_busy_or_drops_connections_is_asked_again(self):
        with rpc_server.Server(self.calls) as node:
            want = self.by_node(node)

        def misbehave(number, _):
            return {1: 503, 3: 0, 5: (429, [("Retry-After", "0")], b"")}.get(number)
        with rpc_server.Server(self.calls, misbehave=misbehave) as node:
            self.assertEqual(want, self.by_node(node))

    def test_a_password_is_needed_and_never_shown(self):
        with rpc_server.Server(self.calls, login="alice:open sesame") as node:
            want = self.by_node(node, "--login", "alice:open sesame")
            self.assertEqual(json.loads(want)["height"], LAST)
            line = self.refused("trace", self.yaml, node.url.replace("//", "//alice:guess99@"),
                                "--quiet", says=["401"])
            self.assertNotIn("guess99", line)

    def test_a_lying_node_is_told(self):
        name = self.recorded("getblockhash", 107)
        raw = self.recorded("getblock", name, 0)
        full = json.dumps(self.recorded("getblock", name, 3))
        for wrong, says in (
                (json.loads(full.replace('"nonce": ', '"nonce": 1')), "not the block"),
                (json.loads(full.replace('"merkleroot": "', '"merkleroot": "f')), "merkleroot"),
                (raw[:-10], "block 107"),
                (self.recorded("getblock", self.recorded("getblockhash", 106), 0),
                 "not the block"),
                ([], "hexadecimal"),
                (None, "107")):
            with rpc_server.Server(self.calls) as node:
                for form in (3, 0):
                    node.tell("getblock", [name, form], wrong)
                self.refused("trace", self.yaml, node.url, "--from", FIRST, "--quiet",
                             says=["127.0.0.1:%d" % node.port, says])

    def test_a_node_of_another_chain_is_refused(self):
        yaml = self.case("other", "bitcoin", stolen=[{"outpoint": STOLEN}])
        with rpc_server.Server(self.calls) as node:
            self.refused("trace", yaml, node.url, "--quiet", says=["regtest", "bitcoin"])

    def test_a_node_that_syncs_is_refused(self):
        with rpc_server.Server(self.calls) as node:
            node.tell("getblockchaininfo", [], {"chain": "regtest", "blocks": 50,
                                                "headers": 5000})
            self.refused("trace", self.yaml, node.url, "--quiet",
                         says=["still syncing", "block 50 of 5000"])


if __name__ == "__main__":
    unittest.main()
