"""The cost of an envelope on the relay's record path, by channels, by size, and by length of the recording."""

import tempfile
import time

from processes import POLL_SECONDS, START_TIMEOUT, Failure, Relay, wait_until
from programs import publish

# Longer than the relay keeps a chunk open (200 ms) and lets pass between two writes of it.
QUIET_SECONDS = 0.5
QUIET_TIMEOUT = 120.0
# The same for each size: only the envelopes differ, not how often the relay wakes.
BURSTS_PER_SECOND = 10
# One segment for every one or two chunks.
SMALL_SEGMENTS = ["--segment-size", "64KiB"]
# So that housekeeping checks all of the segments every second.
RETENTION = ["--retain-size", "1TiB", "--retain-age", "30d"]


def wait_until_quiet(relay):
    """Waits until nothing more is written. Without /metrics, which is long with 1,000 channels and costs CPU time."""
    deadline, size, since = time.monotonic() + QUIET_TIMEOUT, relay.bytes_on_disk(), time.monotonic()
    while time.monotonic() - since < QUIET_SECONDS:
        if time.monotonic() > deadline:
            raise Failure(f"{relay.name} still writes {QUIET_TIMEOUT:.0f} s after the last envelope")
        time.sleep(POLL_SECONDS)
        now = relay.bytes_on_disk()
        if now != size:
            size, since = now, time.monotonic()


def record(context, size, batches, channels=1, options=(), pace=()):
    """Records one batch after another into one capture; returns the cost of each but the first, a warm-up."""
    channel = f"bench-{time.time_ns()}"
    more = [word for index in range(1, channels) for word in ("--channel", f"{channel}-{index}")]
    figures = []
    with tempfile.TemporaryDirectory(prefix="backplane-relay-run-") as folder:
        relay = Relay(context.relay, "zstd", context.redis, f"{channel}-0", folder, options=[*more, *options])
        try:
            wait_until(relay.is_ready, START_TIMEOUT, "relay ready")
            for envelopes in batches:
                before = relay.cpu_seconds()
                publish(context.programs, context.redis, channel, envelopes, size, "-c", channels, *pace)
                wait_until_quiet(relay)
                figures.append({"us": (relay.cpu_seconds() - before) * 1e6 / envelopes, "files": relay.files(),
                                "rss_bytes": relay.rss_bytes()})
            received, dropped = relay.received(), relay.dropped()
        finally:
            relay.stop()
    if received != sum(batches) or dropped:
        raise Failure(f"{received} of {sum(batches)} envelopes received, {dropped} dropped: runs that lose "
                      "some cannot be compared")
    return figures[1:]


def by_channels(context, channels, envelopes):
    """At full speed, to each channel in turn."""
    return record(context, 200, [max(envelopes // 10, channels), envelopes], channels)[0]


def by_size(context, size, bytes_per_second, seconds):
    """The same bytes per second for every size, in bursts."""
    rate = max(bytes_per_second // size, BURSTS_PER_SECOND)
    return record(context, size, [max(rate * seconds // 10, 1), rate * seconds], pace=bursts(rate))[0]


def by_length(context, small_segments, envelopes, parts, rate):
    """Figures of each part of one recording, `envelopes` each."""
    options = SMALL_SEGMENTS + RETENTION if small_segments else []
    return record(context, 1_000, [envelopes] * (parts + 1), options=options, pace=bursts(rate))


def bursts(rate):
    return ["-r", rate, "-b", max(rate // BURSTS_PER_SECOND, 1)]
