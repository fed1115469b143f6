#!/usr/bin/env python3
"""The peer that reading nodes is measured against: fetch and parse, as one writes it in ten lines.

    peer.py PARSER PORT KIND FIRST COUNT     PARSER json or orjson, KIND evm, full or raw

It asks for the same answers as dyepack does and parses them; nothing is checked, decoded or kept.
Prints "BYTES CPU_SECONDS WALL_SECONDS". Exits with 3 when the parser is not installed.
"""

import http.client
import json
import sys
import time


def main():
    name, port, kind, first, count = sys.argv[1:]
    try:
        loads = __import__(name).loads
    except ImportError:
        sys.exit(3)
    connection = http.client.HTTPConnection("127.0.0.1", int(port))
    size = 0

    def ask(calls):
        nonlocal size
        body = [
            {"jsonrpc": "2.0", "id": i, "method": m, "params": p} for i, (m, p) in enumerate(calls)
        ]
        text = json.dumps(body, separators=(",", ":"))
        connection.request("POST", "/", text, {"Content-Type": "application/json"})
        answer = connection.getresponse().read()
        size += len(answer)
        return [a["result"] for a in loads(answer)]

    cpu, wall = time.process_time(), time.monotonic()
    for height in range(int(first), int(first) + int(count)):
        if kind == "evm":
            ask(
                [
                    ("eth_getBlockByNumber", [hex(height), True]),
                    ("eth_getBlockReceipts", [hex(height)]),
                    ("debug_traceBlockByNumber", [hex(height), {"tracer": "callTracer"}]),
                ]
            )
        else:
            (block,) = ask([("getblockhash", [height])])
            ask([("getblock", [block, 3 if kind == "full" else 0])])
    print(size, time.process_time() - cpu, time.monotonic() - wall)


main()
