"""Reads a capture with Python's mcap, as a separate program, so that the whole process can be timed.

usage: reader.py all FILE                      reads every message
       reader.py window FILE START END         reads those of a span of time, nanoseconds since 1970
       reader.py extract FILE FRAMES PAYLOADS  writes the compressed chunks concatenated, and likewise the payloads
Standard output: one JSON object: messages, first and last log_time; for extract also the number of bytes.
"""

import json
import sys

from mcap.reader import make_reader
from mcap.records import Chunk
from mcap.stream_reader import StreamReader


def read(path, start=None, end=None):
    count, first, last = 0, None, None
    with open(path, "rb") as file:
        # Not the relay's own events, which are not envelopes.
        reader = make_reader(file)
        for _, channel, message in reader.iter_messages(start_time=start, end_time=end):
            if channel.topic == "relay.events":
                continue
            count += 1
            first, last = first or message.log_time, message.log_time
    return {"messages": count, "first": first, "last": last}


def extract(path, frames_path, payloads_path):
    sizes = {"compressed_bytes": 0, "payload_bytes": 0}
    with open(path, "rb") as file, open(frames_path, "wb") as frames:
        for record in StreamReader(file, emit_chunks=True).records:
            # A chunk that does not shrink is stored uncompressed.
            if isinstance(record, Chunk) and record.compression == "zstd":
                sizes["compressed_bytes"] += frames.write(record.data)
    with open(path, "rb") as file, open(payloads_path, "wb") as payloads:
        for _, channel, message in make_reader(file).iter_messages():
            if channel.topic != "relay.events":
                sizes["payload_bytes"] += payloads.write(message.data)
    return sizes


def main(mode, path, *rest):
    if mode == "extract":
        result = {**read(path), **extract(path, *rest)}
    else:
        result = read(path, *map(int, rest))
    print(json.dumps(result))


main(*sys.argv[1:])
