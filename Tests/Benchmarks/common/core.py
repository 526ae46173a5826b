"""Envelopes of ASP.NET Core SignalR for publish_list.c."""

import random
import struct

HUB = "Chat.Hubs.ChatHub"
# As in chat.c: zstd finds in these words what it finds in real traffic.
VOCABULARY, LONGEST_WORD, SENDERS = 2048, 10, 256
DIFFERENT_BYTES = 4 * 1024 * 1024
GROUPS = 10_000


def binary(data):
    if len(data) < 1 << 8:
        return b"\xc4" + bytes([len(data)]) + data
    if len(data) < 1 << 16:
        return b"\xc5" + struct.pack(">H", len(data)) + data
    return b"\xc6" + struct.pack(">I", len(data)) + data


def invocation(frame):
    """No excluded connections, one JSON frame."""
    return b"\x92\x90\x81\xa4json" + binary(frame)


def payloads(size, count, seed=0x5167a1):
    """`count` calls of a client method with a sender and a line of words, `size` bytes each."""
    generator = random.Random(seed)
    def word(shortest, longest):
        return "".join(generator.choices("abcdefghijklmnopqrstuvwxyz", k=generator.randint(shortest, longest)))
    words = [word(2, LONGEST_WORD) for _ in range(VOCABULARY)]
    senders = [word(3, 7) for _ in range(SENDERS)]
    made = []
    for _ in range(count):
        head = '{"type":1,"target":"broadcastMessage","arguments":["%s","' % generator.choice(senders)
        tail = '"]}\x1e'
        room = size - len(invocation(b"x" * (size - 12))) + size - 12 - len(head) - len(tail)
        text = ""
        while len(text) < room:
            text += generator.choice(words) + " "
        payload = invocation((head + text[:room] + tail).encode())
        assert len(payload) == size
        made.append(payload)
    return made


def write_list(path, pairs):
    """For publish_list.c."""
    with open(path, "wb") as file:
        for channel, payload in pairs:
            for text in (channel, payload):
                file.write(struct.pack("<I", len(text)))
                file.write(text)


def write_all(path, size):
    """Every envelope for all clients."""
    channel = f"{HUB}:all".encode()
    write_list(path, ((channel, payload) for payload in payloads(size, DIFFERENT_BYTES // size + 1)))


def write_groups(path, size):
    """The same payloads, each for a different group than the previous one: `GROUPS` groups in an irregular order."""
    made = payloads(size, DIFFERENT_BYTES // size + 1)
    order = list(range(GROUPS))
    random.Random(1).shuffle(order)
    count = max(len(made), GROUPS)
    write_list(path, ((f"{HUB}:group:{order[index % GROUPS]:05}".encode(), made[index % len(made)])
                      for index in range(count)))
