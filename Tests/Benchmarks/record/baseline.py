"""The C loop that the relay is compared with, as a process."""

import os

from processes import Child


class Baseline(Child):
    """baseline.c; counts are read from its output."""

    def __init__(self, programs, redis, channel, folder, totals, compresses=False):
        self.file = os.path.join(folder, "baseline.bin")
        options = ["-z"] if compresses else []
        super().__init__("baseline", [
            os.path.join(programs, "baseline"), *options, "127.0.0.1", redis.port, channel, self.file, *totals], folder)

    def is_ready(self):
        self.check_alive()
        return "subscribed\n" in self.output()

    def received(self):
        """Only as exact as the totals given at its start; 0 before the first."""
        self.check_alive()
        reports = [line for line in self.output().split("\n")[:-1] if line.startswith("received ")]
        return int(reports[-1].split()[1].removeprefix("envelopes=")) if reports else 0

    def dropped(self):
        return 0

    def bytes_on_disk(self):
        return os.path.getsize(self.file)
