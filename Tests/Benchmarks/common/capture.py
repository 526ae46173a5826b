"""A capture of recorded traffic, for the benchmarks that read one."""

import os
import time

from processes import START_TIMEOUT, Failure, Relay, wait_for_envelopes, wait_until
from programs import publish

# Longer than the relay keeps a chunk open (200 ms).
SETTLE_SECONDS = 0.5


def record_capture(relay, programs, redis, count, size, rate, folder):
    """Records `count` different envelopes at `rate` per second; returns the path of the one segment."""
    child = Relay(relay, "zstd", redis, "chat", folder)
    try:
        wait_until(child.is_ready, START_TIMEOUT, f"{child.name} ready")
        publish(programs, redis, "chat", count, size, "-r", rate, "-n", count)
        received = wait_for_envelopes(child, count)
        time.sleep(SETTLE_SECONDS)
    except Failure:
        child.check_alive()  # if it has ended, that is the reason
        raise
    finally:
        status = child.stop()
    segments = [entry.path for entry in os.scandir(child.folder) if entry.name.endswith(".mcap")]
    if status != 0 or received != count or len(segments) != 1:
        raise Failure(f"{received} of {count} envelopes recorded in {len(segments)} segments, status {status}:\n"
                      f"{child.output()[-2000:]}")
    return segments[0]
