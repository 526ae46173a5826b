"""The cost of a hub node's client: memory, and processor time per delivery."""

import tempfile
import time

from processes import Failure
from sockets import Hub

MESSAGE_SIZE = 100
# Broadcasts in flight.
WINDOW = 4
FEWEST_BROADCASTS, MOST_BROADCASTS = 20, 2_000


def by_clients(context, clients, deliveries):
    """About the same number of deliveries for any number of clients."""
    broadcasts = min(max(deliveries // clients, FEWEST_BROADCASTS), MOST_BROADCASTS)
    with tempfile.TemporaryDirectory(prefix="backplane-relay-run-") as folder:
        hub = Hub(context.relay, context.redis, f"bench-{time.time_ns()}", folder)
        try:
            listeners = hub.connect(context.programs, folder, clients, MESSAGE_SIZE, WINDOW)
            try:
                connected = hub.rss_bytes()
                listeners.broadcast(max(broadcasts // 10, 2))
                before = hub.cpu_seconds()
                run = listeners.broadcast(broadcasts)
                spent = hub.cpu_seconds() - before
                busy = hub.rss_bytes()
            finally:
                listeners.stop()
        except Failure:
            hub.check_alive()  # if it has ended, that is the reason
            raise
        finally:
            hub.stop()
    return {**run, "us": spent * 1e6 / broadcasts, "connected_bytes": connected, "busy_bytes": busy}
