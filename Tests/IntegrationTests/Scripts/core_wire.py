"""Compares a hub node with the transcript of a real one: python3 core_wire.py PORT TRANSCRIPT

Replays each exchange of wire-net8.txt and compares the node's responses with those of the real one. Prints one JSON
object: the exchanges that agree, those that differ, and the unused lines of the transcript.
"""
import ast
import http.client
import json
import re
import socket as sockets
import struct
import sys
import time

import msgpack
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

RS = "\u241e"
port, path = int(sys.argv[1]), sys.argv[2]
lines = open(path, encoding="utf-8").read().splitlines()
used, held, different = set(), [], []
COMPARED = ("Content-Type", "Content-Length", "Cache-Control", "Expires", "Pragma", "Content-Encoding")


def note(line, title, expected, got):
    used.add(line)
    held.append(title)
    if expected != got:
        different.append({"exchange": title, "expected": repr(expected), "got": repr(got)})


def shaped(text):
    return re.sub(r'(connection(?:Id|Token)":")[A-Za-z0-9_-]{22}"', r'\1#"', text)


def http_exchange(method, target, body=None, headers={}):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request(method, target, body, headers)
    response = connection.getresponse()
    content = response.read()
    connection.close()
    return response.status, dict(response.getheaders()), content


def compare_http(line, title, expected, got):
    status, headers, body = expected
    wanted = {name: headers[name] for name in COMPARED if name in headers}
    had = {name: got[1][name] for name in COMPARED if name in got[1] and name in wanted}
    note(line, title, (status, wanted, shaped(body.decode())), (got[0], had, shaped(got[2].decode())))


def negotiate(query="?negotiateVersion=1"):
    return json.loads(http_exchange("POST", "/hub/negotiate" + query)[2])


class Socket:
    """A webSocket; its messages one by one, and its end."""

    def __init__(self, query=""):
        self.socket = connect(f"ws://127.0.0.1:{port}/hub{query}", max_size=None, compression=None)
        self.messages, self.types, self.binary = [], [], b""

    def send(self, frame):
        self.socket.send(frame)

    def take(self, count, wait=5.0):
        """Reads this many messages; "<closed code >" counts as one."""
        end = time.monotonic() + wait
        while len(self.messages) < count:
            try:
                frame = self.socket.recv(timeout=max(0.01, end - time.monotonic()))
            except TimeoutError:
                break
            except ConnectionClosed as closed:
                code = closed.rcvd.code if closed.rcvd else "none"
                self.messages.append(f"<closed {code} >")
                break
            self.types.append("binary" if isinstance(frame, bytes) else "text")
            if isinstance(frame, bytes) and not frame.endswith(b"\x1e"):
                self.binary += frame
                while self.binary:
                    length, start = self.binary[0], 1
                    if length >= 0x80:
                        length, start = (length & 0x7F) | self.binary[1] << 7, 2
                    if len(self.binary) < start + length:
                        break
                    self.messages.append(self.binary[: start + length])
                    self.binary = self.binary[start + length :]
            else:
                text = frame.decode() if isinstance(frame, bytes) else frame
                self.messages += [message + RS for message in text.split("\x1e") if message]
        taken, self.messages = self.messages[:count], self.messages[count:]
        return taken

    def shake_hands(self, protocol="json", version=1):
        self.send(json.dumps({"protocol": protocol, "version": version}, separators=(",", ":")) + "\x1e")
        return self.take(1)

    def close(self):
        self.socket.close()

    def cut(self):
        """The connection ends without a close frame, as when the network fails."""
        raw = self.socket.socket
        raw.setsockopt(sockets.SOL_SOCKET, sockets.SO_LINGER, struct.pack("ii", 1, 0))
        raw.shutdown(sockets.SHUT_RDWR)
        raw.close()


def section(name):
    """The numbers and texts of the lines of a section."""
    start = next(number for number, line in enumerate(lines) if line.startswith("# " + name))
    end = next((n for n in range(start + 1, len(lines)) if lines[n].startswith("# ")), len(lines))
    used.add(start)
    return [(number, lines[number]) for number in range(start + 1, end)]


# --- negotiate
for number, line in section("negotiate"):
    if match := re.match(r"\s+(POST) /hub(\S*) (\(.*)", line):
        compare_http(number, match[2], ast.literal_eval(match[3]), http_exchange(match[1], "/hub" + match[2]))
    elif "GET negotiate" in line:
        compare_http(number, "GET negotiate", ast.literal_eval(line[line.index("("):]), http_exchange("GET", "/hub/negotiate"))
    elif "connectionId in place of token" in line:
        id = negotiate()["connectionId"]
        compare_http(number, "id for token", ast.literal_eval(line[line.index("("):]), http_exchange("GET", "/hub?id=" + id))

# --- handshake errors
for number, line in section("handshake errors"):
    sent, expected = line.strip().split(" -> ", 1)
    socket = Socket("?id=" + negotiate()["connectionToken"])
    socket.send(sent.replace(RS, "\x1e"))
    expected = ast.literal_eval(expected)
    got = socket.take(len(expected))
    if socket.types[:1] == ["binary"]:
        got[0] = "binary frame " + got[0]
    note(number, "handshake " + sent, expected, got)
    socket.close()

# --- webSockets, first without negotiation
socket = None


def exchange(block, first):
    """One exchange: the client's message, and the responses."""
    global socket
    title = block[0][1].strip()
    sent = [line.split("C->S ", 1)[1] for _, line in block if "C->S" in line]
    expected = []
    for _, line in block:
        if "S->C" in line:
            text = line.split("S->C ", 1)[1]
            if text.startswith("hex "):
                data = bytes.fromhex(text.split()[1])
                while data:
                    length, start = data[0], 1
                    if length >= 0x80:
                        length, start = (length & 0x7F) | data[1] << 7, 2
                    expected.append(data[: start + length])
                    data = data[start + length :]
            elif text.startswith("<"):
                expected.append(text)
            else:
                expected += [message + RS for message in text.split(RS) if message]
    frames = []
    for text in sent:
        if text.startswith("hex "):
            frames += [bytes.fromhex(part) for part in re.findall(r"hex ([0-9a-f]+)", text)]
        else:
            frames += [(part + RS if not part.endswith(RS) else part).replace(RS, "\x1e") for part in text.split(RS + " ")]
    got = []
    for index, frame in enumerate(frames):
        socket.send(frame)
        # A stream must have started before it can be cancelled.
        if title == "cancel" and index == 0:
            got += socket.take(1)
    got += socket.take(len(expected) - len(got)) if expected else socket.take(1, wait=0.2)
    if title == "any":
        # The real node encodes a boxed number in the width of its type.
        expected = [msgpack.unpackb(message[1:], strict_map_key=False) for message in expected]
        got = [msgpack.unpackb(message[1:], strict_map_key=False) for message in got]
    for number, _ in block:
        used.add(number)
    held.append(first + title)
    if expected != got:
        different.append({"exchange": first + title, "expected": repr(expected), "got": repr(got)})


def web_socket_section(name, protocol):
    global socket
    block = []
    for number, line in section(name) + [(None, "  end")]:
        if line.strip().startswith("handshake -> ") or line.strip().startswith("65 kB") or re.match(r"  \S", line):
            if block:
                exchange(block, name + ": ")
                block = []
        if line.strip().startswith("handshake -> "):
            if socket:
                socket.close()
            socket = Socket("" if name.startswith("no negotiate") else "?id=" + negotiate()["connectionToken"])
            got = socket.shake_hands(protocol)
            if socket.types == ["binary"]:
                got[0] = "binary frame " + got[0]
            note(number, name + ": handshake", [line.strip().split(" -> ")[1]], got)
        elif line.strip().startswith("65 kB"):
            socket.send('{"type":1,"target":"Echo","arguments":["' + "x" * 65_000 + '"]}\x1e')
            expected = [text.replace("\x1e", RS) for text in ast.literal_eval(line[line.index("["):])]
            note(number, name + ": 65 kB message", expected, socket.take(len(expected)))
        elif number is not None:
            block.append((number, line))


web_socket_section("no negotiate (skip)", "json")
web_socket_section("json", "json")
web_socket_section("messagepack", "messagepack")

# --- server-sent events
token = negotiate()["connectionToken"]
stream = None
for number, line in section("ServerSentEvents"):
    title = "SSE: " + line.strip().split("{")[0].split("(")[0].split(" b'")[0].strip()
    if line.strip().startswith("GET 200"):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", "/hub?id=" + token, headers={"Accept": "text/event-stream"})
        stream = connection.getresponse()
        headers = ast.literal_eval(line[line.index("{"):])
        wanted = {name: headers[name] for name in COMPARED if name in headers}
        note(number, title, (200, wanted), (stream.status, {name: stream.headers.get(name) for name in wanted}))
    elif "first bytes" in line or line.strip().startswith("events"):
        expected = ast.literal_eval(line[line.index("b'"):])
        note(number, title, expected, stream.read(len(expected)))
    elif "POST handshake" in line:
        got = http_exchange("POST", "/hub?id=" + token, '{"protocol":"json","version":1}\x1e')
        compare_http(number, title, ast.literal_eval(line[line.index("("):]), got)
    elif "POST call" in line:
        got = http_exchange("POST", "/hub?id=" + token, '{"type":1,"invocationId":"1","target":"Echo","arguments":["a\\nb"]}\x1e')
        compare_http(number, title, ast.literal_eval(line[line.index("("):]), got)
    elif "DELETE" in line:
        compare_http(number, title, ast.literal_eval(line[line.index("("):]), http_exchange("DELETE", "/hub?id=" + token))
connection.close()

# --- long polling
token = negotiate()["connectionToken"]
url = "/hub?id=" + token


def waiting_poll():
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", url)
    time.sleep(0.2)
    return connection


def end_of(connection):
    response = connection.getresponse()
    content = response.read()
    connection.close()
    return response.status, dict(response.getheaders()), content


for number, line in section("LongPolling"):
    text = line.strip()
    expected = ast.literal_eval(text[text.index("("):]) if "(2" in text or "(4" in text else None
    title = "LongPolling: " + text.split(" (")[0]
    if "skipped" in text:
        used.add(number)
        continue
    if text.startswith("POST handshake"):
        got = http_exchange("POST", url, '{"protocol":"json","version":1}\x1e')
    elif text.startswith("POST call"):
        got = http_exchange("POST", url, '{"type":1,"invocationId":"1","target":"Echo","arguments":["lp"]}\x1e')
    elif text.startswith("overlapping"):
        first = waiting_poll()
        second = waiting_poll()
        got = end_of(first)
    elif text.startswith("DELETE"):
        got = http_exchange("DELETE", url)
    elif text.startswith("its poll"):
        got = end_of(second)
    else:
        got = http_exchange("GET", url)
    compare_http(number, title, expected, got)

# --- a second webSocket
token = negotiate()["connectionToken"]
for number, line in section("second websocket"):
    if "handshake" in line:
        socket = Socket("?id=" + token)
        note(number, "second webSocket: handshake", [line.strip().split(" -> ")[1]], socket.shake_hands())
    elif "InvalidStatus" in line:
        try:
            Socket("?id=" + token)
            got = 101
        except InvalidStatus as refused:
            got = refused.response.status_code
        note(number, "second webSocket", int(re.search(r"status_code=(\d+)", line)[1]), got)
    else:
        first, second = re.findall(r"\(\d.*?b'[^']*'\)", line)
        compare_http(number, "GET with an unknown id", ast.literal_eval(first), http_exchange("GET", "/hub?id=unknown"))
        compare_http(number, "POST without id", ast.literal_eval(second), http_exchange("POST", "/hub"))

# --- stateful reconnect
def unpacked(message):
    """The JSON equivalent of a MessagePack message."""
    start = 1 if message[0] < 0x80 else 2
    fields = msgpack.unpackb(message[start:])
    if fields[0] == 1:
        return {"type": 1, **({"invocationId": fields[2]} if fields[2] else {}), "target": fields[3], "arguments": fields[4]}
    if fields[0] == 3:
        return {"type": 3, "invocationId": fields[2], "result": fields[4]}
    return {"type": fields[0], "sequenceId": fields[1]}


def packed(text):
    """The MessagePack equivalent of a JSON message."""
    fields = json.loads(text)
    if fields["type"] == 1:
        data = msgpack.packb([1, {}, fields["invocationId"], fields["target"], fields["arguments"], []])
    else:
        data = msgpack.packb([fields["type"], fields["sequenceId"]])
    return bytes([len(data)]) + data


def split(text):
    return [message for message in re.split(RS + " ?", text.strip()) if message]


class Stateful:
    """A client with stateful reconnect, and another one that sends while the first is away."""

    def __init__(self, protocol):
        self.protocol = protocol
        self.token = negotiate("?negotiateVersion=1&useStatefulReconnect=true")["connectionToken"]
        self.socket = Socket("?id=" + self.token)

    def send(self, messages):
        for message in messages:
            self.socket.send(message + "\x1e" if self.protocol == "json" else packed(message))

    def take(self, count):
        taken = self.socket.take(count)
        if self.protocol == "json":
            return [message.rstrip(RS) for message in taken]
        return [json.dumps(unpacked(message), separators=(",", ":")) if isinstance(message, bytes) else message for message in taken]

    def cut_and_return(self):
        self.socket.cut()
        other = Socket("?id=" + negotiate()["connectionToken"])
        other.shake_hands()
        for text in ("while away 1", "while away 2 (through Redis)"):
            other.send('{"type":1,"invocationId":"1","target":"All","arguments":["' + text + '"]}\x1e')
            answers = other.take(2)
            assert any('"type":3' in answer for answer in answers), answers
        other.close()
        self.socket = Socket("?id=" + self.token)


def stateful_section(protocol):
    title, client, sent = "stateful reconnect, " + protocol + ": ", None, []
    for number, line in section("stateful reconnect"):
        text = line.strip()
        if text.startswith("{'useStatefulReconnect'"):
            got = json.loads(http_exchange("POST", "/hub/negotiate?negotiateVersion=1&useStatefulReconnect=true")[2])
            expected = ast.literal_eval(text)
            for answer in (got, expected):
                answer.update({name: len(answer[name]) for name in ("connectionId", "connectionToken")})
            note(number, title + "negotiate", list(expected.items()), list(got.items()))
            client = Stateful(protocol)
        elif text.startswith("handshake"):
            note(number, title + "handshake", [text.split(" -> ")[1]], client.socket.shake_hands(protocol, version=2))
        elif text.startswith("C->S"):
            sent = split(text.split("C->S ", 1)[1])
            client.send(sent)
            note(number, title + "sent", sent, sent)
        elif text.startswith("S->C"):
            expected = split(text.split("S->C ", 1)[1])
            note(number, title + "got", expected, client.take(len(expected)))
        elif text.startswith("reconnected"):
            # The ack has no response, so wait until it has arrived.
            time.sleep(0.2)
            client.cut_and_return()
            expected = split(ast.literal_eval(text[text.index("["):])[0])
            note(number, title + "sent again on the new webSocket", expected, client.take(len(expected)))
        elif text.startswith("not asked for"):
            note(number, title + "not asked for", str(None), str(negotiate().get("useStatefulReconnect")))
        else:
            # A title of the following lines.
            used.add(number)
    client.socket.close()


stateful_section("json")
stateful_section("messagepack")

left = [line for number, line in enumerate(lines) if number not in used and line.strip()]
print(json.dumps({"held": held, "different": different, "left": left}))
