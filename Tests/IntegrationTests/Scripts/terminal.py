"""Runs a command on a pseudo-terminal and acts like a user at its keyboard.

Arguments: steps, "--", the command. A step "?REGEX" waits until what the command has shown since the step before matches;
a step "=FILE" creates that file, to signal progress to others; every other step is typed. Prints all output; ends with the command's exit status, or 99 if a wait took 20 s.
"""
import os
import pty
import re
import select
import sys
import time

split = sys.argv.index("--")
steps, command = sys.argv[1:split], sys.argv[split + 1:]
child, terminal = pty.fork()
if child == 0:
    os.execv(command[0], command)

shown = ""
start = 0


def read(seconds):
    global shown
    if not select.select([terminal], [], [], seconds)[0]:
        return True
    try:
        data = os.read(terminal, 65536)
    except OSError:
        return False
    shown += data.decode(errors="replace")
    return bool(data)


def finish(status):
    sys.stdout.write(shown.replace("\r", "\n").replace("\x1b[K", ""))
    sys.exit(status)


for step in steps:
    if step.startswith("="):
        open(step[1:], "x").close()
        continue
    if not step.startswith("?"):
        os.write(terminal, step.encode())
        continue
    deadline = time.monotonic() + 20
    while not (match := re.search(step[1:], shown[start:])):
        if time.monotonic() > deadline or not read(0.1):
            finish(99)
    start += match.end()
while read(20):
    pass
finish(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
