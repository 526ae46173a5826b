"""Compares the output of the product's commands for envelopes of an ASP.NET Core hub with msgpack and json.

usage: core_fields.py RELAY CAPTURE VECTORS PREFIX

RELAY     the program.
CAPTURE   a directory with each of VECTORS once, in their order.
VECTORS   what was published.
PREFIX    the channel prefix.

Compares every field of `cat --json`, of the view `calls` of `export --format sqlite` and of `export --format csv`, and
the choice of each filter. Prints each difference; exit status 1 if there is one.
"""

import base64
import csv
import json
import os
import sqlite3
import subprocess
import sys
import tempfile

import msgpack

RELAY, CAPTURE, VECTORS, PREFIX = sys.argv[1:]
HUB = "OracleHub"
INFIXES = (":all", ":group:", ":user:", ":connection:", ":internal:groups", ":internal:ack:", ":internal:return:")
KINDS = ("all", "group", "user", "connection", "group_command", "ack", "result")
differences = []


def run(*words):
    result = subprocess.run([RELAY, *words], capture_output=True, check=False)
    if result.returncode != 0:
        sys.exit(f"{words}: status {result.returncode}: {result.stderr.decode()}")
    return result.stdout


def check(what, told, meant):
    if told != meant:
        differences.append(f"{what}: got {told!r}, expected {meant!r}")


def plain(value):
    """The JSON equivalent of a value."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, msgpack.Timestamp):
        return value.to_datetime().strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value


def items(frame):
    """[type, headers, invocation id, ...] of a MessagePack frame, which begins with its length."""
    start = 1
    while frame[start - 1] & 0x80:
        start += 1
    return msgpack.unpackb(frame[start:], strict_map_key=False)


class Meant:
    """One envelope, read independently."""

    def __init__(self, line):
        vector = json.loads(line)
        self.channel = vector["channel"]
        self.payload = base64.b64decode(vector["payload_base64"])
        rest = self.channel.removeprefix(PREFIX + HUB)
        self.kind, infix = next((kind, infix) for kind, infix in zip(KINDS, INFIXES) if rest.startswith(infix))
        self.target = rest.removeprefix(infix) or None
        self.frames, self.method, self.arguments, self.value, self.error = {}, None, None, None, None
        self.excluded, self.reply, self.command, self.invocation_id, self.about = [], None, None, None, None
        content = msgpack.unpackb(self.payload, strict_map_key=False)
        if self.kind == "ack":
            self.command = str(content[0])
        elif self.kind == "group_command":
            number, self.server, action, self.target, self.about = content
            self.command, self.action = str(number), {1: "AddToGroup", 2: "RemoveFromGroup"}[action]
        elif self.kind == "result":
            self.frames = {content[0]: content[1]}
            self.answer()
        else:
            self.excluded, self.frames = content[:2]
            self.reply = content[2:4] or None
            if "json" in self.frames:
                call = json.loads(self.frames["json"][:-1])
                self.method, self.arguments = call["target"], call["arguments"]
            else:
                call = items(self.frames["messagepack"])
                self.method, self.arguments = call[3], plain(call[4])

    def answer(self):
        (protocol, frame), = self.frames.items()
        if protocol == "json":
            answer = json.loads(frame[:-1])
            self.invocation_id = answer["invocationId"]
            self.error, self.value, self.has_value = answer.get("error"), answer.get("result"), "result" in answer
        else:
            answer = items(frame)
            self.invocation_id, kind = answer[2], answer[3]
            self.error = answer[4] if kind == 1 else None
            self.has_value = kind == 3
            self.value = plain(answer[4]) if self.has_value else None

    def message(self):
        """The output expected from `cat --json`."""
        message = {"kind": self.kind, "hub": HUB}
        if self.target is not None:
            message["target"] = self.target
        if self.kind == "group_command":
            message |= {"source": self.server, "command": self.command, "command_name": self.action,
                        "connection": self.about}
        elif self.kind == "ack":
            message |= {"command": self.command, "is_ack": True}
        elif self.kind == "result":
            message |= {"protocols": list(self.frames), "invocation_id": self.invocation_id}
            if self.has_value:
                message["value"] = self.value
            if self.error is not None:
                message["result_error"] = self.error
        else:
            message |= {"protocols": list(self.frames), "method": self.method, "arguments": self.arguments}
            if self.excluded:
                message["excluded"] = self.excluded
            if self.reply:
                message |= {"invocation_id": self.reply[0], "return_channel": self.reply[1]}
        message["bytes"] = len(self.payload)
        return message

    def cell(self):
        """The parsed content of the column `value`; an error is text."""
        if self.kind == "group_command":
            return [self.action, self.about]
        if self.arguments is not None:
            return self.arguments
        return self.error if self.error is not None else self.value

    def concerns(self, connection):
        return (self.kind == "connection" and self.target == connection) or self.about == connection


def check_cat(meant):
    told = [json.loads(line) for line in run("cat", CAPTURE, "--json").splitlines()]
    check("cat --json: number", len(told), len(meant))
    for number, (line, envelope) in enumerate(zip(told, meant), 1):
        message = line["messages"][0]
        message.pop("protocols_agree", None)
        check(f"cat --json {number}", sorted(message.items(), key=str), sorted(envelope.message().items(), key=str))
        check(f"cat --json {number}: members", sorted(line),
              ["channel", "messages", "received_at", "redis_channel"])
        check(f"cat --json {number}: channels", (line["channel"], line["redis_channel"]),
              (PREFIX + HUB, envelope.channel))


def check_filters(meant):
    def first(kind):
        return next((envelope.target for envelope in meant if envelope.kind == kind), None)
    group, user, connection = first("group"), first("user"), first("connection")
    server = next(envelope.server for envelope in meant if envelope.kind == "group_command")
    for options, chooses in [
        *[(["--kind", kind], lambda envelope, kind=kind: envelope.kind == kind) for kind in KINDS],
        (["--kind", "ack", "--kind", "user"], lambda envelope: envelope.kind in ("ack", "user")),
        (["--group", group], lambda envelope: envelope.kind in ("group", "group_command") and envelope.target == group),
        (["--user", user], lambda envelope: envelope.kind == "user" and envelope.target == user),
        (["--connection", connection], lambda envelope: envelope.concerns(connection)),
        (["--source", server], lambda envelope: envelope.kind == "group_command" and envelope.server == server),
        (["--method", "recv"], lambda envelope: envelope.method is not None and envelope.method.lower() == "recv"),
        (["--method", "Ask", "--kind", "connection"],
         lambda envelope: envelope.kind == "connection" and envelope.method == "Ask"),
        (["--signal", "*" + HUB + ":group:*"], lambda envelope: envelope.kind == "group"),
        (["--hub", "oraclehub"], lambda envelope: True),
        (["--grep", "hello all"],
         lambda envelope: any(b"hello all" in frame for frame in envelope.frames.values())),
    ]:
        told = [json.loads(line)["redis_channel"] for line in run("cat", CAPTURE, "--json", *options).splitlines()]
        chosen = [envelope.channel for envelope in meant if chooses(envelope)]
        check(f"cat {options}", told, chosen)
        if not chosen:
            differences.append(f"{options} selects nothing: the comparison is empty")


def check_row(what, row, envelope):
    """`row` by the names of its columns, None for an empty cell."""
    check(f"{what}: kind", (row["kind"], row["hub"], row["target"]), (envelope.kind, HUB, envelope.target))
    check(f"{what}: channels", (row["channel"], row["redis_channel"]), (PREFIX + HUB, envelope.channel))
    check(f"{what}: method", row["method"], envelope.method)
    check(f"{what}: absent", (row["id"], row["created_at"], row["signal"], row["filter"]), (None, None, None, None))
    check(f"{what}: command", row["command_id"], envelope.command)
    value = row["value"]
    if envelope.error is None and value is not None:
        value = json.loads(value)
    check(f"{what}: value", value, envelope.cell())


def check_tables(meant):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "capture.db")
        run("export", CAPTURE, "--format", "sqlite", "-o", path)
        database = sqlite3.connect(path)
        database.row_factory = sqlite3.Row
        payloads = [row[0] for row in database.execute("SELECT payload FROM envelopes ORDER BY row")]
        check("sqlite: payloads", payloads, [envelope.payload for envelope in meant])
        query = "SELECT * FROM envelopes JOIN messages ON envelope = row ORDER BY row"
        rows = [dict(row) for row in database.execute(query)]
        calls = list(database.execute("SELECT * FROM calls"))
        database.close()
        check("sqlite: rows", len(rows), len(meant))
        check("sqlite: calls", len(calls), len(meant))
        for number, (row, envelope) in enumerate(zip(rows, meant), 1):
            check_row(f"sqlite {number}", row, envelope)
            check(f"sqlite {number}: is_ack", bool(row["is_ack"]), envelope.kind == "ack")
        path = os.path.join(folder, "capture.csv")
        run("export", CAPTURE, "--format", "csv", "-o", path)
        with open(path, newline="", encoding="utf-8") as file:
            rows = [{key: cell or None for key, cell in row.items()} for row in csv.DictReader(file)]
        check("csv: rows", len(rows), len(meant))
        for number, (row, envelope) in enumerate(zip(rows, meant), 1):
            check_row(f"csv {number}", row, envelope)


with open(VECTORS, encoding="utf-8") as file:
    envelopes = [Meant(line) for line in file if '"channel"' in line]
check_cat(envelopes)
check_filters(envelopes)
check_tables(envelopes)
print("\n".join(differences) if differences else f"{len(envelopes)} envelopes: every field is correct")
sys.exit(1 if differences else 0)
