"""Drives a hub node with the PyPI package signalr-client, over a webSocket: python3 signalr_client.py URL

Prints one JSON object: what the client received.
"""
import gevent.monkey

gevent.monkey.patch_all()

import json
import sys

import gevent
import requests
from gevent.event import Event
from signalr import Connection

url = sys.argv[1]
seen = {"broadcasts": [], "group": [], "user": [], "answers": []}
done = Event()

with requests.Session() as session:
    connection = Connection(url, session)
    connection.qs = {"user": "пользователь"}
    hub = connection.register_hub("ChatHub")
    hub.client.on("broadcastMessage", lambda name, text: seen["broadcasts"].append([name, text]))
    hub.client.on("groupMessage", lambda group, name, text: (seen["group"].append([group, name, text]), done.set()))
    hub.client.on("userMessage", lambda sender, text: seen["user"].append([sender, text]))

    def received(**frame):
        if "I" in frame and not str(frame["I"]).startswith("P|"):
            seen["answers"].append({key: frame[key] for key in ("I", "R", "E", "H") if key in frame})

    connection.received += received
    with connection:
        hub.server.invoke("send", "py", "hello 日本 <&> \U0001f44d")
        hub.server.invoke("echo", {"a": [1, None, "ü"]})
        hub.server.invoke("fail", "as asked")
        hub.server.invoke("sendToUser", "пользователь", "to myself")
        hub.server.invoke("joinGroup", "room")
        # The response to joinGroup means that the membership is effective.
        with gevent.Timeout(10):
            while len(seen["answers"]) < 5:
                gevent.sleep(0.01)
        hub.server.invoke("sendToGroup", "room", "py", "in the room")
        done.wait(10)
        with gevent.Timeout(10):
            while len(seen["answers"]) < 6:
                gevent.sleep(0.01)

print(json.dumps(seen, ensure_ascii=False))
