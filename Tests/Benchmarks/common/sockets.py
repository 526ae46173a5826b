"""Thousands of webSockets: hub/listeners.c as a process, and a hub node with its clients' HTTP requests."""

import http.client
import json
import os
import resource
import subprocess
import urllib.parse

from command import REPOSITORY
from processes import START_TIMEOUT, Child, Failure, Server, free_port, wait_until
from programs import build

SOURCE = os.path.join(REPOSITORY, "Tests/Benchmarks/hub/listeners.c")
MARKER = "#broadcast"
# Open files of a hub node in addition to its clients' sockets.
OTHER_FILES = 200
# For a run, and for connecting all: listeners.c itself fails if one delivery or connection takes 10 s.
RUN_TIMEOUT = 300.0
HUBS = urllib.parse.quote('[{"name":"chathub"}]')


def build_listeners(programs):
    build(programs, "listeners", SOURCE)


def allow_sockets(count):
    """Child processes inherit it."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard != resource.RLIM_INFINITY and hard < count + OTHER_FILES:
        raise Failure(f"{count} webSockets need {count + OTHER_FILES} open files, {hard} are allowed (ulimit -Hn)")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def words(size):
    """`size` characters of a message, which follow the number of the broadcast."""
    text = "good morning, is the report of last week ready or does it need another day? "
    return f"{MARKER} @ {(text * (size // len(text) + 1))[:size]}"


def delivered_text(size):
    """The bytes sent to each client for a broadcast of `words(size)`, to within a character."""
    return json.dumps({"C": "s-0,3E8", "M": [
        {"H": "chatHub", "M": "broadcastMessage", "A": ["bench", words(size)]}]}, separators=(",", ":"))


class Listeners(Child):
    """listeners.c: `count` webSockets to `port`, all connected once the constructor returns.

    `message` is the frame that makes the server broadcast, `window` the number of broadcasts in flight, each from another
    webSocket: calls of one client of ASP.NET Core run one after the other."""

    def __init__(self, programs, folder, port, count, message, window, options=()):
        super().__init__("listeners", [os.path.join(programs, "listeners"), "-w", window, "-s", window, *options, port,
                                       count, MARKER, message], folder, stdin=subprocess.PIPE)
        try:
            self.wait_for_lines(1)
        except BaseException:
            self.stop()
            raise

    def broadcast(self, count):
        """Returns the figures of a run: deliveries, seconds from the first send to the last delivery, first_us."""
        lines = len(self.lines())
        self.process.stdin.write(f"{count}\n".encode())
        self.process.stdin.flush()
        self.wait_for_lines(lines + 1)
        return {key: float(value) for key, _, value in (word.partition("=") for word in self.lines()[-1].split()[1:])}

    def lines(self):
        return self.output().split("\n")[:-1]

    def wait_for_lines(self, count):
        def arrived():
            self.check_alive()
            return len(self.lines()) >= count
        wait_until(arrived, RUN_TIMEOUT, self.name)


class Hub(Server):
    """`backplane-relay hub`, ready once the constructor returns."""

    # Which backplane is joined.
    BACKPLANE = "--channel"

    def __init__(self, binary, redis, channel, folder):
        port = free_port()
        super().__init__("hub", [binary, "hub", "--redis", f"redis://127.0.0.1:{redis.port}", self.BACKPLANE, channel,
                                 "--listen", f"127.0.0.1:{port}"], folder, port)
        try:
            wait_until(self.is_ready, START_TIMEOUT, "hub ready")
        except BaseException:
            self.stop()
            raise

    def connect(self, programs, folder, count, size, window):
        """Connects `count` SignalR clients over webSockets; returns their Listeners."""
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=START_TIMEOUT)
        queries = [self.negotiate(line) for _ in range(count)]
        targets = os.path.join(folder, "targets")
        with open(targets, "w", encoding="ascii") as file:
            file.writelines(f"/signalr/connect?{query}\n" for query in queries)
        call = json.dumps({"H": "chatHub", "M": "send", "A": ["bench", words(size)], "I": 1}, separators=(",", ":"))
        listeners = Listeners(programs, folder, self.port, count, call, window, ["-t", targets, "-r", '"S":1'])
        try:
            for query in queries:
                self.ask(line, f"/signalr/start?{query}")
        except BaseException:
            listeners.stop()
            raise
        finally:
            line.close()
        return listeners

    def negotiate(self, line):
        answer = self.ask(line, f"/signalr/negotiate?clientProtocol=2.0&connectionData={HUBS}")
        token = urllib.parse.quote(json.loads(answer)["ConnectionToken"], safe="")
        return f"transport=webSockets&clientProtocol=2.0&connectionToken={token}&connectionData={HUBS}"

    def ask(self, line, path):
        self.check_alive()
        try:
            line.request("GET", path)
            answer = line.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise Failure(f"hub: {path.partition('?')[0]}: {error}") from None
        if answer.status != 200:
            raise Failure(f"hub: {path.partition('?')[0]}: status {answer.status}")
        return body


class CoreHub(Hub):
    """The same for clients of ASP.NET Core SignalR, without negotiation."""

    BACKPLANE = "--core-hub"
    PROTOCOL = "json"

    def connect(self, programs, folder, count, size, window):
        targets = os.path.join(folder, "targets")
        with open(targets, "w", encoding="ascii") as file:
            file.writelines("/chathub\n" for _ in range(count))
        greeting = json.dumps({"protocol": self.PROTOCOL, "version": 1}, separators=(",", ":")) + "\x1e"
        return Listeners(programs, folder, self.port, count, self.call(words(size)), window,
                         ["-t", targets, "-g", greeting, "-r", "{}\x1e", *self.options()])

    def options(self):
        return []

    def call(self, text):
        return json.dumps({"type": 1, "target": "send", "arguments": ["bench", text]}, separators=(",", ":")) + "\x1e"


class MessagePackHub(CoreHub):
    PROTOCOL = "messagepack"

    def options(self):
        return ["-b"]

    def call(self, text):
        # `@` becomes eight digits. A text that fits in str 8 or str 16; a byte 0 cannot be an argument of a program.
        length = len(text) + 7
        if length % 256 == 0:
            return self.call(text + "!")
        head = bytes([0xD9, length]) if length < 256 else bytes([0xDA, length >> 8, length % 256])
        before = b"\x96\x01\x80\xc0\xa4send\x92\xa5bench" + head
        message = before + text.encode("ascii") + b"\x90"
        size, prefix = len(message) + 7, b""
        while True:
            prefix += bytes([size % 128 | (0x80 if size >= 128 else 0)])
            size //= 128
            if size == 0:
                break
        if b"\x00" in prefix:
            return self.call(text + "!")
        return os.fsdecode(prefix + message)
