"""Real nodes for the tests: starting, asking, killing them, and a gate to stand before them.

A node is a program that tools/install-nodes put into a cache. Where it is not there the tests that
need it are skipped by name, or, with DYEPACK_NODES=required (as .ci/run sets it), fail. Nodes
listen on loopback, on ports that were free, keep what they write in a temporary folder, and end
with the process that started them, however that ends.
"""
import base64
import ctypes
import http.client
import http.server
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tests", "cli"))
import dye  # noqa: E402,F401  for the tests: it puts tests/model on the path as well

START_SECONDS_MAX = 30
RUN_SECONDS_MAX = 90  # a run whose node is gone ends by itself within this
CALL_SECONDS_MAX = 60


def program(name):
    """Where a node's program is; skips the test (or fails it) where it is not."""
    found = subprocess.run([os.path.join(ROOT, "tools", "install-nodes"), "-p", name], text=True,
                           stdout=subprocess.PIPE, check=False)
    if found.returncode == 0 and os.environ.get("DYEPACK_NODES") != "off":
        return found.stdout.strip()
    why = "%s is not installed: run tools/install-nodes, which says why" % name
    if os.environ.get("DYEPACK_NODES") == "required":
        raise RuntimeError(why)
    print("SKIPPED: " + why, file=sys.stderr)
    raise unittest.SkipTest("SKIPPED: " + why)


def free_port():
    """A port that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def dies_with_parent():
    """In the child, before it becomes the node: no node outlives a test that was killed."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


def watch_for(*secrets):
    """From now on every run of the program is looked through for these, whatever it printed."""
    plain = dye.run

    def run(*args, **more):
        result = plain(*args, **more)
        for secret in secrets:
            for told in (result.stdout, result.stderr):
                text = told.decode(errors="replace") if isinstance(told, bytes) else told or ""
                assert secret not in text, "a secret was printed"
        return result
    dye.run = run


def story(text):
    """The JSON of a trace without what speaks of the source and not of the money: what is assumed,
    and how many movements the source had from its own beginning."""
    told = json.loads(text)
    for case in told.get("cases", [told]):
        case.pop("assumptions")
        for key in ("source_movements", "source_noise"):
            case["poisoning"].pop(key)
    return json.dumps(told, indent=1)


def bytes_of(folder, start):
    """All that stands in the files of a folder whose names begin so."""
    found = b""
    for name in sorted(os.listdir(folder)):
        if name.startswith(start):
            with open(os.path.join(folder, name), "rb") as file:
                found += file.read()
    return found


class Refused(Exception):
    """The node answered with an error."""

    def __init__(self, method, error):
        super().__init__("%s: %s" % (method, error))
        self.code = error.get("code")


class Node:
    """A running node. Subclasses give `command()`."""
    name = login = None

    def __init__(self, port=None):
        self.program = program(self.name)
        self.port = port or free_port()
        self.folder = tempfile.mkdtemp(prefix="dyepack-%s-" % self.name)
        self.process = self.wire = None

    def command(self):
        raise NotImplementedError

    def alive(self):
        raise NotImplementedError

    @property
    def url(self):
        return "http://127.0.0.1:%d" % self.port

    def start(self):
        """Starts it and waits until it answers."""
        with open(os.path.join(self.folder, "log"), "ab") as log:
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, preexec_fn=dies_with_parent)
        end = time.monotonic() + START_SECONDS_MAX
        while True:
            try:
                self.alive()
                return self
            except (OSError, http.client.HTTPException):
                self.wire = None
                if self.process.poll() is not None or time.monotonic() > end:
                    with open(os.path.join(self.folder, "log"), errors="replace") as log:
                        told = log.read()[-2000:]
                    self.stop()
                    raise RuntimeError("%s does not start: %s" % (self.name, told)) from None
                time.sleep(0.05)

    def kill(self):
        """As a power cut would end it. It can be started again."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        if self.wire is not None:
            self.wire.close()
        self.process = self.wire = None

    def stop(self):
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def post(self, body):
        """Sends JSON over one connection that stays open."""
        headers = {"Content-Type": "application/json"}
        if self.login:
            headers["Authorization"] = "Basic " + base64.b64encode(
                self.login.encode()).decode()
        if self.wire is None:
            self.wire = http.client.HTTPConnection("127.0.0.1", self.port,
                                                   timeout=CALL_SECONDS_MAX)
        self.wire.request("POST", "/", json.dumps(body), headers)
        return json.loads(self.wire.getresponse().read())

    def call(self, method, *params):
        answer = self.post({"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)})
        if answer.get("error"):
            raise Refused(method, answer["error"])
        return answer["result"]


class Gate:
    """Stands before a node, hands on what is asked and answered, and can be told to do worse.

    `login`      "user:password" that it wants, as nodes behind a proxy do
    `at`         number of a request -> what to do before it is handed on, when every earlier one
                 has been answered (anvil can lock up when a reorganisation meets a trace)
    `shut`       when set, connections are dropped without a word
    `unknown`    methods that the node is said not to know
    `one_by_one` batches are refused
    `busy_every` each so many requests one is told to come back later (HTTP 429)
    """

    def __init__(self, node_port, login=None, unknown=(), one_by_one=False, busy_every=0):
        self.node_port, self.login, self.at = node_port, login, {}
        self.unknown, self.one_by_one, self.busy_every = unknown, one_by_one, busy_every
        self.requests, self.shut = 0, False
        self.lock, self.flying = threading.Condition(), 0
        gate = self

        class Handler(http.server.BaseHTTPRequestHandler):
            """One connection of a client."""
            protocol_version = "HTTP/1.1"
            wbufsize, disable_nagle_algorithm = 1 << 16, True  # else each answer waits 40 ms

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                number = gate.enter()
                try:
                    gate.handle(self, body, number)
                finally:
                    gate.leave()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None  # a client that was killed says nothing more
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self):
        return "http://127.0.0.1:%d" % self.port

    def enter(self):
        """Counts a request; where something is to be done at it, waits for quiet and does it."""
        with self.lock:
            self.requests += 1
            number, deed = self.requests, self.at.pop(self.requests, None)
            if deed:
                while self.flying:  # those wait for nothing that we hold: they only leave
                    self.lock.wait()
                deed()
            self.flying += 1
            return number

    def leave(self):
        with self.lock:
            self.flying -= 1
            self.lock.notify_all()

    def handle(self, client, body, number):
        if self.shut:
            client.close_connection = True
            return
        if self.busy_every and number % self.busy_every == 0:
            self.answer(client, 429, b"too many", (("Retry-After", "1"),))
            return
        wanted = self.login and "Basic " + base64.b64encode(self.login.encode()).decode()
        if wanted and client.headers.get("Authorization") != wanted:
            self.answer(client, 401, b"who are you?")
            return
        headers = {"Content-Type": "application/json"}
        if client.headers.get("Authorization") and not self.login:
            headers["Authorization"] = client.headers["Authorization"]
        asked = json.loads(body)
        if isinstance(asked, list) and self.one_by_one:
            self.answer(client, 200, json.dumps(self.error(None, -32600, "no batches")).encode())
            return
        refused = [self.error(call["id"], -32601, "the method does not exist")
                   for call in (asked if isinstance(asked, list) else [asked])
                   if call["method"] in self.unknown]
        try:
            status, told = self.forward(asked, body, headers, refused)
            self.answer(client, status, told)
        except (OSError, http.client.HTTPException):
            client.close_connection = True

    @staticmethod
    def error(call_id, code, text):
        return {"jsonrpc": "2.0", "id": call_id, "error": {"code": code, "message": text}}

    def forward(self, asked, body, headers, refused):
        """Asks the node what is not refused, and puts both kinds of answers together."""
        if refused and not isinstance(asked, list):
            return 200, json.dumps(refused[0]).encode()
        if refused:
            asked = [call for call in asked if call["method"] not in self.unknown]
            if not asked:
                return 200, json.dumps(refused).encode()
            body = json.dumps(asked)
        node = http.client.HTTPConnection("127.0.0.1", self.node_port, timeout=CALL_SECONDS_MAX)
        try:
            node.request("POST", "/", body, headers)
            answer = node.getresponse()
            told = answer.read()
        finally:
            node.close()
        if refused:
            told = json.dumps(refused + json.loads(told)).encode()
        return answer.status, told

    @staticmethod
    def answer(client, status, body, headers=()):
        client.send_response(status)
        for name, value in headers + (("Content-Type", "application/json"),):
            client.send_header(name, value)
        client.send_header("Content-Length", str(len(body)))
        client.end_headers()
        client.wfile.write(body)

    def close(self):
        self.server.shutdown()
        self.server.server_close()
