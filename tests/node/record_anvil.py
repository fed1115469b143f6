"""Writes what a real node answers about the chain of anvil.py: tests/data/rpc/anvil.json.zst, which
tests/cli/test_evm_rpc.py replays where no node can be had. Run it again when the chain changes:

    tools/install-nodes && python3 tests/node/record_anvil.py
"""
import json
import os
import subprocess

import anvil
import nodes

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data", "rpc",
                   "anvil.json.zst")
NOBODY = "0x" + "00" * 20


def main():
    calls = []
    node = anvil.Anvil().start()
    try:
        chain = anvil.build(node)

        def ask(method, *params):
            result = node.call(method, *params)
            calls.append({"method": method, "params": list(params), "result": result})
            return result

        ask("eth_chainId")
        ask("eth_syncing")
        tip = int(ask("eth_blockNumber"), 16)
        tables = anvil.rows(node)
        people = {row[key] for table in ("transactions", "traces")
                  for row in tables[table] for key in ("from_address", "to_address")}
        people |= {b["miner"] for b in tables["blocks"]}
        for height in range(tip + 1):
            quantity = hex(height)
            ask("eth_getBlockByNumber", quantity, True)
            ask("eth_getBlockByNumber", quantity, False)
            ask("eth_getBalance", NOBODY, quantity)
            if height > 0:
                ask("eth_getBlockReceipts", quantity)
                ask("debug_traceBlockByNumber", quantity, {"tracer": "callTracer"})
                ask("trace_block", quantity)
        for who in sorted(people - {None, "", NOBODY}):
            for height in range(tip + 1):
                ask("eth_getBalance", who, hex(height))
        theft = chain.tx["theft"]
        ask("eth_getTransactionByHash", theft)
    finally:
        node.stop()
    text = json.dumps({"calls": calls, "thief": chain.at["thief"], "theft": theft},
                      separators=(",", ":"))
    subprocess.run(["zstd", "-19", "-q", "-f", "-o", OUT], input=text.encode(), check=True)
    print(OUT, len(text), os.path.getsize(OUT))


if __name__ == "__main__":
    nodes.program("anvil")
    main()
