"""A node that is none: an HTTP server on loopback that answers JSON-RPC calls from a recording.

A recording is a JSON file {"calls": [{"method": ..., "params": [...], "result": ...}, ...]}, with
"error": {"code": ..., "message": ...} in place of "result" where the node answered one. What was
recorded twice is answered the same way each time; what was not is the error "Method not found".

It can be told to misbehave: `misbehave(number, calls)` is asked about each HTTP request, numbered
from 0, and gives None (answer as always), a status, or (status, headers, body); status 0 drops the
connection. Requests are kept in `asked`, so that a test can say what was asked and how often.

    with rpc_server.Server(rpc_server.load("btcd-regtest.json")) as node:
        run("trace", case, node.url)
"""
import base64
import http.server
import json
import os
import sys
import threading

DATA = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "data", "rpc")


def load(name):
    """The calls of a recording in tests/data/rpc."""
    with open(os.path.join(DATA, name), encoding="utf-8") as file:
        return json.load(file)["calls"]


def key_of(method, params):
    return method, json.dumps(params, sort_keys=True)


class Server:
    """Answers from `calls` until the `with` ends. `login` ("user:password") is demanded of every
    request; without `batches` a list of calls is refused as some endpoints do."""

    def __init__(self, calls, login=None, batches=True, misbehave=None):
        self.answers = {}
        for call in calls:
            self.tell(call["method"], call["params"], call.get("result"), call.get("error"))
        self.login, self.batches, self.misbehave = login, batches, misbehave
        self.empty_wallets = True
        self.asked = []      # (method, params) in the order they came
        self.requests = 0    # over HTTP
        self.lock = threading.Lock()
        handler = type("Handler", (Handler,), {"node": self})
        self.http = Listener(("127.0.0.1", 0), handler)
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True)

    @property
    def port(self):
        return self.http.server_address[1]

    @property
    def url(self):
        return "http://127.0.0.1:%d" % self.port

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()

    def tell(self, method, params, result=None, error=None):
        """From now on this is the answer."""
        self.answers[key_of(method, params)] = {"error": error} if error else {"result": result}

    def count(self, method):
        with self.lock:
            return sum(1 for m, _ in self.asked if m == method)

    def answer(self, call):
        """The answer to one call."""
        method, params = call.get("method"), call.get("params", [])
        with self.lock:
            self.asked.append((method, params))
        found = self.answers.get(key_of(method, params))
        if found is None and method == "eth_call" and self.empty_wallets:
            # What wallets of the recording hold of a token before anything is sent to them.
            found = {"result": "0x" + 64 * "0"}
        if found is None:
            found = {"error": {"code": -32601, "message": "Method not found"}}
        return {"jsonrpc": "2.0", "id": call.get("id"), **found}


class Listener(http.server.ThreadingHTTPServer):
    """Silent about clients that go away in the middle of an answer, as ours may."""
    daemon_threads = True

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class Handler(http.server.BaseHTTPRequestHandler):
    """One connection; kept open between requests."""
    node = None
    protocol_version = "HTTP/1.1"
    wbufsize, disable_nagle_algorithm = 1 << 16, True  # else each answer waits 40 ms

    def log_message(self, *_):
        """Silent."""

    def reply(self, status, body, headers=()):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def is_allowed(self):
        login = self.node.login
        wanted = "" if login is None else "Basic " + base64.b64encode(login.encode()).decode()
        return login is None or self.headers.get("Authorization") == wanted

    def do_POST(self):
        """Answers the call, or the list of calls, in the body."""
        node = self.node
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with node.lock:
            number = node.requests
            node.requests += 1
        if not self.is_allowed():
            self.reply(401, b"")
            return
        calls = json.loads(body)
        wrong = node.misbehave(number, calls) if node.misbehave else None
        if wrong is not None:
            status, headers, text = wrong if isinstance(wrong, tuple) else (wrong, (), b"")
            if status == 0:
                self.close_connection = True
                self.connection.close()
            else:
                self.reply(status, text, headers)
            return
        if isinstance(calls, list) and not node.batches:
            result = {"jsonrpc": "2.0", "id": None,
                      "error": {"code": -32600, "message": "Batch requests are not supported"}}
        elif isinstance(calls, list):
            result = [node.answer(call) for call in calls]
        else:
            result = node.answer(calls)
        self.reply(200, json.dumps(result).encode())
