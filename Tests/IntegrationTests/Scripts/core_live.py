"""Reads captures of ASP.NET Core hubs while they are being written, with mcap and msgpack only.

usage: core_live.py CAPTURE VECTORS

CAPTURE   a directory of .mcap files.
VECTORS   the payloads that were published repeatedly, from the first envelope on.

Prints one JSON object: how many envelopes were read, and the number of the first that differs from the published one.
"""

import base64
import json
import os
import sys

import msgpack
from mcap.reader import make_reader

with open(sys.argv[2], encoding="utf-8") as lines:
    vectors = [vector for vector in map(json.loads, lines) if "channel" in vector]
published = [(vector["channel"], base64.b64decode(vector["payload_base64"])) for vector in vectors]
read, wrong = 0, None
for name in sorted(os.listdir(sys.argv[1])):
    if not name.endswith(".mcap"):
        continue
    with open(os.path.join(sys.argv[1], name), "rb") as file:
        for schema, channel, message in make_reader(file, validate_crcs=True).iter_messages(log_time_order=False):
            if schema is None or schema.name != "signalr-core-redis":
                continue
            redis_channel, payload = msgpack.unpackb(message.data)
            isRight = (redis_channel, payload) == published[read % len(published)] and message.sequence == read + 1
            read += 1
            if not isRight and wrong is None:
                wrong = read
print(json.dumps({"read": read, "wrong": wrong}))
