"""Drives a hub node with the PyPI package signalrcore, over a webSocket: python3 core_signalrcore.py URL json|messagepack

Prints one JSON object: what the client received.
"""
import json
import sys
import time

from signalrcore.hub_connection_builder import HubConnectionBuilder
from signalrcore.subject import Subject
from signalrcore.protocol.messagepack_protocol import MessagePackHubProtocol

url, protocol = sys.argv[1:3]
seen = {"broadcasts": [], "group": [], "answers": [], "items": [], "errors": [], "totals": [], "opened": 0}
builder = HubConnectionBuilder().with_url(url + "?user=core")
if protocol == "messagepack":
    builder = builder.with_hub_protocol(MessagePackHubProtocol())
hub = builder.with_automatic_reconnect(
    {"type": "raw", "keep_alive_interval": 10, "reconnect_interval": 1, "max_attempts": 5}).build()


def opened():
    seen["opened"] += 1


def until(condition):
    end = time.monotonic() + 30
    while not condition():
        if time.monotonic() > end:
            raise SystemExit(f"waited in vain; {seen}")
        time.sleep(0.01)


hub.on_open(opened)
hub.on_reconnect(opened)
hub.on_error(lambda error: seen["errors"].append(str(getattr(error, "error", error))))
hub.on("broadcastMessage", lambda arguments: seen["broadcasts"].append(arguments))
hub.on("groupMessage", lambda arguments: seen["group"].append(arguments))
hub.on("total", lambda arguments: seen["totals"].append(arguments))
hub.start()
until(lambda: seen["opened"] == 1)
answer = lambda message: seen["answers"].append(message.result)
hub.send("send", ["core", "hello 日本 <&> \U0001f44d"])
hub.send("echo", [{"a": [1, None, "ü"]}], answer)
hub.send("joinGroup", ["room"], answer)
until(lambda: len(seen["answers"]) == 2)
hub.send("sendToGroup", ["room", "core", "in the room"])
hub.stream("countTo", [3]).subscribe({
    "next": lambda item: seen["items"].append(item),
    "complete": lambda _: seen["items"].append("end"),
    "error": lambda error: seen["errors"].append(str(error)),
})
until(lambda: seen["broadcasts"] and seen["group"] and len(seen["items"]) == 4)
hub.send("fail", ["as asked"], answer)
until(lambda: seen["errors"])
# Stream items to the node; signalrcore does not support client results. Its MessagePack omits the invocation's id, which
# no server reads.
if protocol == "json":
    subject = Subject()
    hub.send("total", subject)
    for item in [40, 2]:
        subject.next(item)
    subject.complete()
    until(lambda: seen["totals"])
# The node ends the connection, and the client reconnects automatically.
hub.send("end", [])
until(lambda: seen["opened"] == 2)
hub.send("echo", ["again"], answer)
until(lambda: seen["answers"][-1] == "again")
# The previous connection's groups are gone: the client joins again, and is called.
hub.send("joinGroup", ["room"], answer)
until(lambda: len(seen["answers"]) == 4)
hub.send("sendToGroup", ["room", "core", "back"])
until(lambda: len(seen["group"]) == 2)
hub.stop()
print(json.dumps(seen, ensure_ascii=False), flush=True)
import os

# Its threads outlive the connection.
os._exit(0)
