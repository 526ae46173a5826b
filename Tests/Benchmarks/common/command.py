"""Shared command-line handling of the benchmarks: arguments, exit status."""

import argparse
import os
import signal
import sys

from processes import Failure

REPOSITORY = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", ".."))


class Parser(argparse.ArgumentParser):
    def error(self, message):
        self.exit(64, f"{self.prog}: {message}\n")


def whole_number(text):
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number of 1 or more")
    return int(text)


def list_of(convert, allowed=None):
    def parse(text):
        words = text.split(",")
        for word in words:
            if allowed and word not in allowed:
                raise argparse.ArgumentTypeError(f"'{word}' is none of {', '.join(allowed)}")
        return [convert(word) for word in words]
    return parse


def add_relay(parser):
    parser.add_argument("--relay", default=os.path.join(REPOSITORY, ".build/release/backplane-relay"), metavar="PATH")


def require_relay(path):
    if not os.access(path, os.X_OK):
        raise Failure(f"no relay at {path}; build it with 'swift build -c release' or name it with --relay")


def run_main(main):
    """Ends the process with the status that `main` returns, 1 for a Failure, which is printed."""
    # Ends by an exception, so that child processes are stopped.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        sys.exit(main())
    except Failure as failure:
        print(f"run: {failure}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
