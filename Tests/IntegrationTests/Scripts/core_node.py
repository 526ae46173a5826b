"""A node of ASP.NET Core SignalR from Redis' point of view.

usage: core_node.py PORT RESP MACHINE HUB...

RESP      2: one connection for commands and one for subscriptions, like StackExchange.Redis 2;
          3: `HELLO 3` and one connection for both, like StackExchange.Redis 3.
MACHINE   part of the names of its server and its client.
HUB       channel prefix and type.

Subscribes like a real node, then prints "subscribed". Prints "message CHANNEL" for each message, and
answers each group command with an ack, over its connection for commands.
"""

import socket
import sys

PORT, RESP, MACHINE, *HUBS = sys.argv[1:]
SERVER = MACHINE + "_0123456789abcdef0123456789abcdef"


class Connection:
    def __init__(self):
        self.socket = socket.create_connection(("127.0.0.1", int(PORT)))
        self.file = self.socket.makefile("rb")
        if RESP == "3":
            hello = self.ask("HELLO", "3")
            # A map, which RESP2 does not have.
            assert isinstance(hello, dict) and hello[b"proto"] == 3, hello
        self.ask("CLIENT", "SETNAME", f"{MACHINE}(SE.Redis-v{'3.0.0' if RESP == '3' else '2.9.32'})")

    def send(self, *words):
        self.socket.sendall(b"*%d\r\n" % len(words) + b"".join(
            b"$%d\r\n%s\r\n" % (len(word), word)
            for word in (word if isinstance(word, bytes) else word.encode() for word in words)))

    def read(self):
        """One reply. A push, and a message of RESP2, is a tuple of its kind and the rest."""
        kind, rest = self.file.read(1), self.file.readline()[:-2]
        if kind in b"+:,#(":
            return int(rest) if kind == b":" else rest
        if kind == b"-":
            sys.exit(rest.decode())
        if kind == b"_":
            return None
        if kind in b"$=!":
            text = self.file.read(int(rest)) if int(rest) >= 0 else None
            self.file.readline()
            return text
        if kind == b"%":
            return {self.read(): self.read() for _ in range(int(rest))}
        items = [self.read() for _ in range(int(rest))]
        return tuple(items) if kind == b">" or items[:1] in ([b"message"], [b"subscribe"]) else items

    def ask(self, *words):
        """The reply to a command; messages that arrive before it are handled."""
        self.send(*words)
        while True:
            reply = self.read()
            if isinstance(reply, tuple) and words[0] != "SUBSCRIBE":
                handle(reply)
                continue
            return reply


def handle(push):
    assert push[0] == b"message", push
    channel, payload = push[1].decode(), push[2]
    print("message", channel, flush=True)
    # [id, server, ...]: a small id is its own byte, and so is an array of one.
    if channel.endswith(":internal:groups") and payload[1] < 128:
        hub = channel.removesuffix(":internal:groups")
        commands.ask("PUBLISH", f"{hub}:internal:ack:{SERVER}", b"\x91" + payload[1:2])


commands = Connection()
subscriptions = commands if RESP == "3" else Connection()
for hub in HUBS:
    for end in (":all", ":internal:groups", ":internal:ack:" + SERVER, ":internal:return:" + SERVER):
        reply = subscriptions.ask("SUBSCRIBE", hub + end)
        assert reply[0] == b"subscribe", reply
print("subscribed", flush=True)
while True:
    handle(subscriptions.read())
