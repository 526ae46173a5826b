"""Compares the Redis commands of two hub nodes with those of real ones: python3 core_backplane.py A B REDIS TRANSCRIPT

Performs each step of the transcript, given the ports of two nodes and of Redis, and compares the commands shown by
MONITOR. Prints one JSON object: the steps that agree, those that differ, and those that were not performed.
"""
import json
import queue
import re
import socket
import sys
import threading
import time

import msgpack
import redis
from websockets.sync.client import connect

ports = {"A": int(sys.argv[1]), "B": int(sys.argv[2])}
store = redis.Redis(port=int(sys.argv[3]))
steps, held, different, left = [], [], [], []
for line in open(sys.argv[4], encoding="utf-8").read().splitlines():
    if line.startswith("## "):
        steps.append([line[3:], None, []])
    elif "result:" in line and steps[-1][1] is None:
        steps[-1][1] = line.split("result:", 1)[1].strip()
    elif line.strip().startswith("+"):
        steps[-1][2].append(line.strip()[1:])
names = {}


class Client:
    def __init__(self, node, protocol, user=None):
        self.protocol, self.calls, self.messages, self.binary = protocol, 0, [], b""
        self.socket = connect(
            f"ws://127.0.0.1:{ports[node]}/hub" + (f"?user={user}" if user else ""), max_size=None, compression=None)
        self.socket.send(json.dumps({"protocol": protocol, "version": 1}) + "\x1e")
        self.socket.recv(timeout=5)

    def send(self, message):
        if self.protocol == "json":
            kind, target, arguments, id, extra = message
            self.socket.send(json.dumps({"type": kind, **extra}, ensure_ascii=False, separators=(",", ":")) + "\x1e")
        else:
            kind, target, arguments, id, extra = message
            if kind == 1:
                data = msgpack.packb([1, {}, id, target, arguments, []])
            elif "error" in extra:
                data = msgpack.packb([3, {}, id, 1, extra["error"]])
            elif "result" in extra:
                data = msgpack.packb([3, {}, id, 3, extra["result"]])
            else:
                data = msgpack.packb([3, {}, id, 2])
            self.socket.send(bytes([len(data) & 0x7F | 0x80, len(data) >> 7] if len(data) > 127 else [len(data)]) + data)

    def take(self):
        """The next message other than pings, as JSON fields."""
        while True:
            while not self.messages:
                frame = self.socket.recv(timeout=8)
                if isinstance(frame, str):
                    self.messages += [json.loads(text) for text in frame.split("\x1e") if text]
                    continue
                self.binary += frame
                while self.binary:
                    length, start = self.binary[0], 1
                    if length >= 0x80:
                        length, start = (length & 0x7F) | self.binary[1] << 7, 2
                    fields = msgpack.unpackb(self.binary[start : start + length])
                    self.binary = self.binary[start + length :]
                    if fields[0] == 1:
                        self.messages.append({"type": 1, "invocationId": fields[2], "target": fields[3], "arguments": fields[4]})
                    elif fields[0] == 3:
                        self.messages.append({
                            "type": 3, "invocationId": fields[2],
                            ("", "error", "void", "result")[fields[3]]: fields[4] if len(fields) > 4 else None})
            message = self.messages.pop(0)
            if message["type"] != 6:
                return message

    def begin(self, target, *arguments):
        self.calls += 1
        id = str(self.calls)
        self.send((1, target, list(arguments), id, {"invocationId": id, "target": target, "arguments": list(arguments)}))
        return id

    def answer_of(self, id):
        while True:
            message = self.take()
            if message["type"] == 3 and message["invocationId"] == id:
                return message

    def call(self, target, *arguments):
        return self.answer_of(self.begin(target, *arguments))

    def asked(self):
        while True:
            message = self.take()
            if message["type"] == 1 and message.get("invocationId"):
                return message["invocationId"]

    def answer(self, **extra):
        id = self.asked()
        self.send((3, None, None, id, {"invocationId": id, **extra}))


clients = {}


def enter(label, node, user=None):
    title = next(step[0] for step in steps if step[0].startswith("client " + label))
    clients[label] = Client(node, re.search(r"json|messagepack", title)[0], user)
    names[clients[label].call("whoAmI")["result"]] = label


def ask(asker, asked, question, method="ask", **answer):
    id = clients[asker].begin(method, name(asked), question)
    clients[asked].answer(**answer)
    return clients[asker].answer_of(id)


def name(label):
    return next(id for id, known in names.items() if known == label)


UNKNOWN = "AAAAAAAAAAAAAAAAAAAAAA"
RICH = [-5, 3.5, True, None, "ünï", "AAH/", [1, 2], {"a": 1}, "2024-01-02T03:04:05Z", {"name": "n", "value": 7, "kind": 2}]
actions = {
    "client a1": lambda: enter("a1", "A", "alice"),
    "client a2": lambda: enter("a2", "A", "bob"),
    "client b1": lambda: enter("b1", "B", "alice"),
    "client b2": lambda: enter("b2", "B"),
    "Clients.All from hub on A": lambda: clients["a1"].call("all", "hello all"),
    "Clients.All from IHubContext on B": lambda: clients["b1"].call("all", "from B ünï ☃"),
    "Clients.Others from": lambda: clients["a1"].call("others", "others"),
    "Clients.AllExcept": lambda: clients["a2"].call("allExcept", "except", name("a1"), name("b2")),
    "no arguments": lambda: clients["a1"].call("noArguments"),
    "local AddToGroup": lambda: clients["a1"].call("join", "g1", name("a1")),
    "second local member": lambda: clients["a2"].call("join", "g1", name("a2")),
    "remote AddToGroup: hub": lambda: clients["a1"].call("join", "g1", name("b1")),
    "remote AddToGroup of b2": lambda: clients["a1"].call("join", "g1", name("b2")),
    "remote AddToGroup again": lambda: clients["a1"].call("join", "g1", name("b2")),
    "group name with odd": lambda: clients["a1"].call("join", "Grüppe: ★/x y", name("a1")),
    "Clients.Group g1": lambda: clients["a1"].call("group", "g1", "to g1"),
    "Clients.Group with odd": lambda: clients["b1"].call("group", "Grüppe: ★/x y", "odd"),
    "Clients.OthersInGroup": lambda: clients["a1"].call("othersInGroup", "g1", "others in g1"),
    "Clients.GroupExcept": lambda: clients["a1"].call("groupExcept", "g1", "gx", name("a2"), name("b1")),
    "Clients.Groups": lambda: clients["a1"].call("groups", ["g1", "", "g2"], "two groups"),
    "Clients.Group nobody": lambda: clients["a1"].call("group", "nobody", "void"),
    "Clients.User alice": lambda: clients["a1"].call("user", "alice", "to alice"),
    "Clients.Users": lambda: clients["b1"].call("users", ["alice", "", "bob"], "to two users"),
    "Clients.Client local": lambda: clients["a1"].call("client", name("a2"), "local"),
    "Clients.Client remote": lambda: clients["a1"].call("client", name("b1"), "remote"),
    "Clients.Clients": lambda: clients["a1"].call("clients", [name("a1"), name("b1")], "conns"),
    "Clients.Client unknown": lambda: clients["a1"].call("client", UNKNOWN, "lost"),
    "client result: A asks b1, result": lambda: ask("a1", "b1", "q1", result="re:q1"),
    "client result: A asks b2, result": lambda: ask("a1", "b2", "q2", result="re:q2"),
    "client result: B asks a1, error": lambda: ask("b1", "a1", "err", error="client said no"),
    "client result: B asks a2, error": lambda: ask("b1", "a2", "err", error="client said no"),
    "client result: A asks b1, null": lambda: ask("a1", "b1", "null", result=None),
    "client result: A asks b2, void": lambda: ask("a1", "b2", "void"),
    "client result: A asks b2, wrong": lambda: ask("a1", "b2", "num", result=42),
    "client result: A asks b1, wrong": lambda: ask("a1", "b1", "num", result=42),
    "client result: A asks b1 for a map": lambda: ask("a1", "b1", "map", "askMap", result={"a": 1, "b": "two"}),
    "client result: local": lambda: ask("a1", "a2", "local", result="re:local"),
    "client result: unknown connection": lambda: clients["a1"].call("ask", UNKNOWN, "x"),
    "client result: client never answers": lambda: clients["a1"].call("askBriefly", name("b1"), "never"),
    "remote RemoveFromGroup": lambda: clients["a1"].call("leave", "g1", name("b1")),
    "local RemoveFromGroup, not last": lambda: clients["a2"].call("leave", "g1", name("a2")),
    "local RemoveFromGroup, last": lambda: clients["a1"].call("leave", "g1", name("a1")),
    "remote AddToGroup for an unknown": lambda: clients["a1"].call("join", "g1", UNKNOWN),
    "b2 disconnects": lambda: clients["b2"].socket.close(),
    "a1 disconnects": lambda: clients["a1"].socket.close(),
}
if all("messagepack" not in step[0] for step in steps):
    # In MessagePack, .NET encodes bytes, times and enums of its own types differently.
    actions["rich arguments"] = lambda: clients["a1"].call("rich", *RICH)


def shaped(commands, ids, servers):
    """Removes addresses from commands, and replaces values that differ between runs by names."""
    shapes = []
    for command in commands:
        text = re.sub(r"^[\d.]+ \[\d+ \S+\] ", "", command)
        for id, label in ids.items():
            text = text.replace(id, f"<{label}>")
        for server in servers:
            text = text.replace(server, "<S>")
        text = re.sub(r"(\\xd9(\\x[0-9a-f]{2}|\\.|.))<S>", "<S>", text)
        text = re.sub(r"(\\xd9(\\x[0-9a-f]{2}|\\.|.))(\w+:internal:return:<S>)", r"\3", text)
        # The transcript truncates long commands within this part.
        text = re.sub(r"(\\xd9(\\x[0-9a-f]{2}|\\.|.))?(\w+:internal:return:)(<S>|\w*)$", r'\3<S>"', text)
        text = re.sub(r'(invocationId\\":\\")[A-Za-z0-9+/]{22}', r"\1#", text)
        text = re.sub(r"\\xb6[A-Za-z0-9+/]{22}", r"\\xb6#", text)
        shapes.append(text)
    # Two nodes send commands at the same time, in any order.
    return sorted(shapes)


real_ids = {step[1]: step[0].split()[1] for step in steps if step[0].startswith("client ") and step[1] and len(step[1]) == 22}
real_servers = sorted(set(re.findall(r"\w+_[0-9a-f]{32}", open(sys.argv[4]).read())))
our_servers = sorted({
    channel.decode().split(":internal:ack:")[1] for channel in store.pubsub_channels("*OracleHub:internal:ack:*")})
publishers, listeners = set(), set()
monitor = socket.create_connection(("127.0.0.1", int(sys.argv[3])))
monitor.sendall(b"MONITOR\r\n")
lines = monitor.makefile("r", encoding="utf-8", newline="\r\n")
lines.readline()
commands = queue.SimpleQueue()
threading.Thread(target=lambda: [commands.put(line) for line in lines], daemon=True).start()


def commands_of_step(count):
    """What the nodes published, subscribed and unsubscribed up to the mark, which is set after `count` commands.

    A command too many comes with this step or the next. One that is absent is waited for, up to ten seconds.
    """
    got, is_marked, deadline = [], False, time.monotonic() + 10
    while True:
        if not is_marked and (len(got) >= count or time.monotonic() > deadline):
            store.echo("mark")
            is_marked = True
        try:
            line = commands.get(timeout=None if is_marked else 0.1)
        except queue.Empty:
            continue
        address, rest = re.match(r"\+[\d.]+ \[\d+ (\S+)\] (.*)", line).groups()
        verb, *arguments = re.findall(r'"(?:[^"\\]|\\.)*"', rest)
        if verb == '"ECHO"':
            return got
        if verb == '"PUBLISH"':
            publishers.add(address)
            got.append(f"0 [0 x] {rest.strip()}")
        elif verb in ('"SUBSCRIBE"', '"UNSUBSCRIBE"'):
            listeners.add(address)
            # Several names may be subscribed at once.
            got += [f"0 [0 x] {verb} {argument}" for argument in arguments]


for title, result, expected in steps:
    plain = re.sub(r" \((json|messagepack)\)", "", title)
    action = next((action for beginning, action in actions.items() if plain.startswith(beginning)), None)
    if action is None:
        left.append(title)
        continue
    action()
    got = commands_of_step(len(expected))
    held.append(title)
    wanted = shaped(expected, real_ids, real_servers)
    had = shaped(got, names, our_servers)
    if wanted != had:
        different.append({"step": title, "expected": wanted, "got": had})
surplus = commands_of_step(0)
if surplus:
    different.append({"step": "after the last step", "expected": [], "got": shaped(surplus, names, our_servers)})
print(json.dumps({
    "held": held, "different": different, "left": left, "shared": sorted(publishers & listeners)}))
