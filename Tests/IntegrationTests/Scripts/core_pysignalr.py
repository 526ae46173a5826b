"""Drives a hub node with the PyPI package pysignalr, over a webSocket: python3 core_pysignalr.py URL json|messagepack

Prints one JSON object: what the client received.
"""
import asyncio
import json
import sys

from pysignalr.client import SignalRClient
from pysignalr.protocol.json import JSONProtocol
from pysignalr.protocol.messagepack import MessagepackProtocol

url, protocol = sys.argv[1:3]
seen = {"broadcasts": [], "group": [], "answers": [], "items": [], "errors": [], "totals": [], "opened": 0}


async def main():
    client = SignalRClient(
        url + "?user=py", protocol=MessagepackProtocol() if protocol == "messagepack" else JSONProtocol(), retry_sleep=0.1)

    async def on_open():
        seen["opened"] += 1

    async def until(condition):
        while not condition():
            await asyncio.sleep(0.01)

    async def note(name, value):
        seen[name].append(value)

    async def answer(message):
        # Also called for errors.
        if not message.error:
            seen["answers"].append(message.result)

    client.on_open(on_open)
    client.on_error(lambda message: note("errors", message.error))
    client.on("broadcastMessage", lambda arguments: note("broadcasts", arguments))
    client.on("groupMessage", lambda arguments: note("group", arguments))
    client.on("total", lambda arguments: note("totals", arguments))

    async def result(arguments):
        return f"re: {arguments[0]}"

    client.on("answer", result)
    running = asyncio.create_task(client.run())
    await until(lambda: seen["opened"] == 1)
    await client.send("send", ["py", "hello 日本 <&> \U0001f44d"])
    await client.send("echo", [{"a": [1, None, "ü"]}], answer)
    await client.send("joinGroup", ["room"], answer)
    await until(lambda: len(seen["answers"]) == 2)
    await client.send("sendToGroup", ["room", "py", "in the room"])
    await client.stream("countTo", [3], on_next=lambda item: note("items", item), on_complete=lambda _: note("items", "end"))
    await until(lambda: seen["broadcasts"] and seen["group"] and len(seen["items"]) == 4)
    await client.send("fail", ["as asked"], answer)
    await until(lambda: seen["errors"])
    # Stream items to the node, and a result of the client.
    async with client.client_stream("total") as stream:
        for item in [40, 2]:
            await stream.send(item)
    await until(lambda: seen["totals"])
    await client.send("whoAmI", [], answer)
    await until(lambda: len(seen["answers"]) == 3)
    await client.send("ask", [seen["answers"].pop(), "q"], answer)
    await until(lambda: len(seen["answers"]) == 3)
    # The node ends the connection, and the client reconnects automatically.
    await client.send("end", [])
    await until(lambda: seen["opened"] == 2)
    await client.send("echo", ["again"], answer)
    await until(lambda: seen["answers"][-1] == "again")
    # The previous connection's groups are gone: the client joins again, and is called.
    await client.send("joinGroup", ["room"], answer)
    await until(lambda: len(seen["answers"]) == 5)
    await client.send("sendToGroup", ["room", "py", "back"])
    await until(lambda: len(seen["group"]) == 2)
    running.cancel()


asyncio.run(asyncio.wait_for(main(), 60))
print(json.dumps(seen, ensure_ascii=False))
