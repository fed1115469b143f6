#!/usr/bin/env python3
"""How long from a block of a real node to the webhook? On the loopback: anvil mines a block in
which stolen ether reaches a service, `dyepack follow` finds it, a receiver in this program is told.

The clock starts before anvil is asked to mine, so its own work is counted; it stops when the
request is read. Blocks come at moments of no pattern, or looking for them every 200 ms would always
hit them alike. Beside it, what nobody can be faster than: the same block asked of the node by its
number, and one request to the same receiver. Goals: 250 ms for 99 of 100 when new blocks are looked
for, 60 ms when the node tells of them.

    tools/bench_follow.py [BLOCKS]     DYEPACK names the program; without anvil nothing is done
"""
import http.server
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DYEPACK = os.environ.get("DYEPACK", os.path.join(ROOT, "build", "dyepack"))
WARM = 5  # the first ones open connections


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Receiver(http.server.ThreadingHTTPServer):
    """Notes when something was told."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self):
        self.told = threading.Semaphore(0)
        self.when = 0.0

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(handler):
                handler.rfile.read(int(handler.headers["Content-Length"]))
                self.when = time.monotonic()
                handler.send_response(204)
                handler.send_header("Content-Length", "0")
                handler.end_headers()
                self.told.release()

            def log_message(handler, *_):
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return "http://127.0.0.1:%d/" % self.server_address[1]


class Anvil:
    def __init__(self, program):
        self.port = free_port()
        self.process = subprocess.Popen(
            [program, "--port", str(self.port), "--silent", "--chain-id", "31337"])
        for _ in range(200):
            try:
                self.call("eth_chainId")
                break
            except OSError:
                time.sleep(0.05)

    @property
    def url(self):
        return "http://127.0.0.1:%d" % self.port

    def call(self, method, *params):
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        request = urllib.request.Request(self.url, body.encode(),
                                         {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            answer = json.load(answer)
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["result"]

    def send(self, sender, to, value):
        return self.call("eth_sendTransaction",
                         {"from": sender, "to": to, "value": hex(value)})

    def stop(self):
        self.process.kill()
        self.process.wait()


def write_files(folder, anvil, receiver, accounts):
    """A theft, a service, and one rule: every arrival, at once."""
    thief, service = accounts[1], accounts[9]
    anvil.call("anvil_setBalance", thief, hex(10 ** 16))
    theft = anvil.send(accounts[0], thief, 900 * 10 ** 18)
    with open(os.path.join(folder, "case.yaml"), "w", encoding="utf-8") as file:
        file.write('incident: bench\ntitle: bench\nchain: eip155:31337\nstolen:\n'
                   '  - {address: "%s", asset: eth, amount: "900", tx: "%s"}\nservices:\n'
                   '  - {address: "%s", name: "Exchange"}\n' % (thief, theft, service))
    with open(os.path.join(folder, "rules.yaml"), "w", encoding="utf-8") as file:
        file.write('sinks:\n  desk: {webhook: "%s"}\nrules:\n'
                   '  - {name: arrivals, when: arrival, to: [desk]}\n' % receiver.url)


def measure(anvil_program, blocks, subscribes):
    """Milliseconds of each block; and of what nobody can be faster than."""
    receiver, anvil = Receiver(), Anvil(anvil_program)
    took, limit = [], []
    with tempfile.TemporaryDirectory() as folder:
        accounts = anvil.call("eth_accounts")
        write_files(folder, anvil, receiver, accounts)
        # Nobody listens on the other port: so it is left with looking.
        heads = "ws://127.0.0.1:%d" % (anvil.port if subscribes else free_port())
        with open(os.path.join(folder, "log"), "w", encoding="utf-8") as log:
            follower = subprocess.Popen(
                [DYEPACK, "follow", "book.db", "case.yaml", anvil.url, "--rules", "rules.yaml",
                 "--no-pending", "--heads", heads], cwd=folder, stderr=log)
        try:
            time.sleep(1.5)
            anvil.call("evm_setAutomine", False)
            for i in range(blocks + WARM):
                anvil.send(accounts[1], accounts[9], 10 ** 18)
                time.sleep(random.uniform(0.05, 0.35))
                began = time.monotonic()
                anvil.call("evm_mine")
                if not receiver.told.acquire(timeout=20):
                    raise RuntimeError("nothing was told of block %d" % i)
                if i >= WARM:
                    took.append((receiver.when - began) * 1e3)
                began = time.monotonic()
                anvil.call("eth_getBlockByNumber", "latest", True)
                urllib.request.urlopen(urllib.request.Request(receiver.url, b"{}")).close()
                receiver.told.acquire()
                limit.append((time.monotonic() - began) * 1e3)
        finally:
            follower.terminate()
            follower.wait()
            anvil.stop()
            receiver.shutdown()
    return took, limit


def rank(values, per_cent):
    return sorted(values)[min(len(values) - 1, len(values) * per_cent // 100)]


def main():
    blocks = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    found = subprocess.run([os.path.join(ROOT, "tools", "install-nodes"), "-p", "anvil"],
                           capture_output=True, text=True, check=False).stdout.strip()
    if not os.access(found, os.X_OK):
        print("block to webhook: left out, there is no anvil (tools/install-nodes)")
        return 0
    for subscribes, goal in ((False, 250), (True, 60)):
        took, limit = measure(found, blocks, subscribes)
        p99 = rank(took, 99)
        print("%-38s %9s %9s  %-7s p50 %.1f ms; asking the node and telling alone: p50 %.1f ms, "
              "p99 %.1f ms" % ("webhook, %s, p99" % ("told by ws" if subscribes else "polling"),
                               "<%d ms" % goal, "%.1f ms" % p99,
                               "met" if p99 < goal else "MISSED", rank(took, 50),
                               rank(limit, 50), rank(limit, 99)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
