"""A follower under test: `dyepack follow` as a process that can be killed, somebody who is told of
its alerts and behaves badly, and what both must have come to in the end.

What must hold in the end, when all is quiet, whatever was done to nodes, follower and receiver: the
casebook's result is that of a run over the final chain; the alerts that hold are those that a
fresh follower raises on it, each once; every revision was told to who listens, and the last one
that he has of an alert is the last one that there is.
"""
import hashlib
import hmac
import http.server
import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import threading
import time

import nodes
import dye

QUIET_SECONDS_MAX = 60
STOP_SECONDS_MAX = 5  # one, where nothing else runs
SECRET = "a long word that only two know"


def wait_until(what, condition, seconds=QUIET_SECONDS_MAX):
    """Asks until it is so; gives what the condition gave."""
    end = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError("not within %d s: %s" % (seconds, what))
        time.sleep(0.02)


class Follower:
    """`dyepack follow` with these words; `log` is where it writes."""

    def __init__(self, folder, *words):
        self.words, self.log = [str(w) for w in words], os.path.join(folder, "follow.log")
        self.process, self.starts = None, 0

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [dye.DYEPACK, "follow", *self.words], stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=log, cwd=nodes.ROOT,
                preexec_fn=nodes.dies_with_parent)
        self.starts += 1
        return self

    def kill(self):
        """As a power cut would end it; it must not have ended by itself."""
        assert self.process.poll() is None, "it ended by itself: " + self.told()[-2000:]
        self.process.kill()
        self.process.wait()

    def stop(self):
        """SIGTERM: gives how long it took to end. It must end well."""
        assert self.process.poll() is None, "it ended by itself: " + self.told()[-2000:]
        wait_until("it has begun", lambda: self.catches(signal.SIGTERM) or
                   self.process.poll() is not None)  # a sanitizer takes its time first
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=QUIET_SECONDS_MAX)
        took = time.monotonic() - began
        assert code == 0, (code, self.told()[-2000:])
        return took

    def catches(self, number):
        """Has it said by now that it wants to hear of that signal?"""
        try:
            with open("/proc/%d/status" % self.process.pid, encoding="ascii") as status:
                caught = re.search("^SigCgt:\\s*([0-9a-f]+)$", status.read(), re.M)
        except OSError:
            return False
        return caught is not None and int(caught[1], 16) >> number - 1 & 1 == 1

    def end(self):
        """Whatever became of it: for clean-ups."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def told(self):
        with open(self.log, encoding="utf-8", errors="replace") as log:
            return log.read()

    def wait_for(self, words, seconds=QUIET_SECONDS_MAX, times=1):
        try:
            wait_until("%r in the log" % words, lambda: self.told().count(words) >= times, seconds)
        except AssertionError as error:
            raise AssertionError("%s\n%s" % (error, self.told()[-3000:])) from None


class Receiver:
    """A webhook. `mood(number of the message, how often it came)` says what to do with it: "good",
    "late" (the sender has given up by then), "500", "nothing", "garbage", "early" (the connection
    is closed on what is sent), "redirect".

    `got`     (id, revision) -> [when it came, ...]; only from messages whose signature is right
    `alert`   (id, revision) -> the alert as it was told
    """

    def __init__(self, mood=None, late_seconds=1.5):
        self.mood, self.late_seconds = mood or (lambda number, times: "good"), late_seconds
        self.got, self.alert, self.times, self.wrong = {}, {}, {}, []
        self.lock = threading.Lock()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self):
                receiver.take(self)

            def do_GET(self):
                receiver.wrong.append("GET " + self.path)  # a redirect was followed
                self.send_error(404)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None
        self.url = "http://127.0.0.1:%d/hook" % self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def take(self, client):
        now = time.time()
        number = client.headers["X-Dyepack-Message"]
        with self.lock:
            self.times[number] = self.times.get(number, 0) + 1
            mood = self.mood(int(number), self.times[number])
        if mood == "early":
            client.close_connection = True
            client.connection.shutdown(socket.SHUT_RDWR)
            return
        body = client.rfile.read(int(client.headers["Content-Length"]))
        if len(body) < int(client.headers["Content-Length"]):
            return  # the sender was killed
        self.note(client.headers, body, now)
        if mood == "late":
            time.sleep(self.late_seconds)
        if mood == "nothing":
            time.sleep(2 * self.late_seconds)
            client.close_connection = True
            return
        if mood == "garbage":
            client.connection.sendall(os.urandom(300))
            client.close_connection = True
            client.connection.shutdown(socket.SHUT_RDWR)
            return
        client.send_response({"500": 500, "redirect": 302}.get(mood, 204))
        if mood == "redirect":
            client.send_header("Location", self.url + "/elsewhere")
        client.send_header("Content-Length", "0")
        client.end_headers()

    def note(self, headers, body, now):
        """What a message says, when it is signed as it should be."""
        stamp = headers["X-Dyepack-Timestamp"]
        seal = "v1=" + hmac.new(SECRET.encode(), stamp.encode() + b"." + body,
                                hashlib.sha256).hexdigest()
        with self.lock:
            if headers["X-Dyepack-Signature"] != seal:
                self.wrong.append("a wrong signature")
            if abs(int(stamp) - now) > 30:
                self.wrong.append("a wrong time")
            said = json.loads(body)
            if str(said["message"]) != headers["X-Dyepack-Message"] or said["more"]:
                self.wrong.append("a wrong number")
            for alert in said["alerts"]:
                key = (alert["id"], alert["revision"])
                self.got.setdefault(key, []).append(now)
                self.alert[key] = alert

    def all(self):
        """What came so far: [(key, alert)], in order of coming."""
        with self.lock:
            return sorted(self.alert.items(), key=lambda item: self.got[item[0]][0])

    def find(self, **wanted):
        """The alerts told that have these values."""
        return [a for _, a in self.all() if all(a[k] == v for k, v in wanted.items())]

    def wait_for(self, seconds=QUIET_SECONDS_MAX, **wanted):
        return wait_until("told of %s" % wanted, lambda: self.find(**wanted), seconds)


def rules(folder, url, more=(), sink_more="timeout: 1s"):
    """A file of rules whose only sink is a webhook; `more`: lines of YAML."""
    with open(os.path.join(folder, "desk.key"), "w", encoding="utf-8") as out:
        out.write(SECRET + "\n")
    path = os.path.join(folder, "rules.yaml")
    lines = ["sinks:", "  desk: {webhook: \"%s\", secret-file: desk.key, %s}" % (url, sink_more),
             "rules:",
             "  - {name: arrivals, when: arrival, severity: high, to: [desk]}",
             "  - {name: moves, when: move, severity: low, to: [desk]}", *more]
    with open(path, "w", encoding="utf-8") as out:
        out.write("\n".join(lines) + "\n")
    return path


def query(book, sql, *values):
    """Rows of a casebook that somebody else may be writing."""
    db = sqlite3.connect("file:%s?mode=ro" % book, uri=True, timeout=30)
    try:
        return db.execute(sql, values).fetchall()
    finally:
        db.close()


def alerts(book):
    """All alerts of a casebook, as the program tells them."""
    result = dye.run("alerts", "list", book, "--format", "json", "--limit", "0")
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


FACTS = ("amount", "asset", "origin", "stolen", "from", "to", "address", "holder", "hop", "deposit",
         "service", "link", "finding")


def holding(book):
    """What holds, sorted: the alerts in state confirmed, by what they say and not by when it was
    said. A list, so that a repeat shows. (But those of watched addresses, of which nobody is told
    what is past.)"""
    return sorted(json.dumps([a["incident"], a["rule"], a["kind"], a["chain"], a["height"], a["tx"],
                              a["subject"], {k: a["facts"].get(k) for k in FACTS}], sort_keys=True)
                  for a in alerts(book) if a["state"] == "confirmed" and a["kind"] != "watched")


def heights(book):
    """{case: {chain: how far it is followed, in the casebook}}"""
    result = dye.run("case", "list", book, "--format", "json")
    assert result.returncode == 0, result.stderr
    return {c["case"]: c["height"] for c in json.loads(result.stdout)}


def wait_told(book):
    """Until nothing waits in the outbox."""
    wait_until("all is told", lambda: query(
        book, "select count(*) from message where state in ('waiting','begun')") == [(0,)])


def wait_settled(book):
    """Until of all that was told to be waiting for a block it was told what became of it, and of
    all that stood in blocks that are gone whether it holds: that is said when the follower has
    been at the tip, so later than what the last block brings."""
    wait_until("nothing is in doubt", lambda: query(
        book, "select count(*) from alert where state='pending' or shaken>0") == [(0,)])


def check_told(test, book, receiver):
    """Every revision was told; the receiver's last word on an alert is the casebook's; every
    signature was right."""
    rows = query(book, "select id, revision, state from history")
    test.assertEqual(receiver.wrong, [])
    missing = [row for row in rows if row[:2] not in receiver.got]
    test.assertEqual(missing, [])
    strange = set(receiver.got) - {row[:2] for row in rows}
    test.assertEqual(strange, set())
    for alert_id, revision, state in rows:
        test.assertEqual(receiver.alert[alert_id, revision]["state"], state)
    last = dict(query(book, "select id, state from alert"))
    newest = {}
    for alert_id, revision in receiver.got:
        newest[alert_id] = max(newest.get(alert_id, 0), revision)
    test.assertEqual({i: receiver.alert[i, r]["state"] for i, r in newest.items()}, last)
    return rows


def check_result(test, cases, sources, book, *words):
    """I-1: the followed casebook's result is that of a run that only ever saw the final chain."""
    def trace(path):
        return nodes.story(test.trace(*cases, *sources, "--casebook", path, *words))
    clean = trace(os.path.join(test.folder, "clean.casebook"))
    test.assertEqual(trace(book), clean)
    return json.loads(clean)


def without_sinks(rules_path):
    """The same rules, told to nobody."""
    with open(rules_path, encoding="utf-8") as file:
        text = file.read()
    path = rules_path + ".silent.yaml"
    with open(path, "w", encoding="utf-8") as out:
        out.write("rules:\n" + re.sub(r"to: \[desk\]", "to: []", text.split("rules:\n")[1]))
    return path


def check_alerts(test, cases, sources, book, rules_path, *words):
    """The alerts that hold are those of a fresh follower of the final chain, each once."""
    fresh = os.path.join(test.folder, "fresh.casebook")
    result = dye.run("follow", fresh, *cases, *sources, "--once", "--no-pending", "--level",
                     "error", "--rules", without_sinks(rules_path), *words)
    test.assertEqual((result.returncode, result.stderr), (0, ""))
    expected, found = holding(fresh), holding(book)
    test.assertEqual([a for a in found if a not in expected], [])
    test.assertEqual([a for a in expected if a not in found], [])
    test.assertEqual(len(found), len(expected))
    return found
