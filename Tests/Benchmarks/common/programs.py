"""The C programs of the benchmarks, and the machine they run on."""

import os
import platform
import subprocess
import time

from processes import Failure, program

HERE = os.path.dirname(os.path.abspath(__file__))
C_FLAGS = ["-std=gnu17", "-O2", "-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Werror"]
SOURCES = {"publish": [os.path.join(HERE, "publish.c"), os.path.join(HERE, "chat.c")],
           "publish_list": [os.path.join(HERE, "publish_list.c")]}
PUBLISH_TIMEOUT = 300


def build(folder, name, *sources, libraries=()):
    """Compiles a C program into `folder`/`name`; without `sources`, one of this directory's."""
    compilation = subprocess.run(
        [program("gcc"), *C_FLAGS, *(sources or SOURCES[name]), "-lhiredis", *libraries, "-o", os.path.join(folder, name)],
        capture_output=True, text=True, check=False)
    for library in ("hiredis", "zstd"):
        if f"{library}.h: No such file" in compilation.stderr or f"-l{library}" in compilation.stderr:
            raise Failure(f"{library} is missing; Debian package lib{library}-dev brings it")
    if compilation.returncode != 0:
        raise Failure(f"{name} does not compile:\n{compilation.stderr}")


def publish(programs, redis, channel, count, size, *options):
    """Runs publish.c; returns the figures of its last line."""
    return figures([os.path.join(programs, "publish"), *options, "127.0.0.1", redis.port, channel, count, size])


def publish_list(programs, redis, file, count, *options):
    """Runs publish_list.c; returns the same figures."""
    return figures([os.path.join(programs, "publish_list"), *options, "127.0.0.1", redis.port, file, count])


def figures(command):
    try:
        result = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                                timeout=PUBLISH_TIMEOUT, check=False)
    except subprocess.TimeoutExpired:
        raise Failure(f"publish: not done after {PUBLISH_TIMEOUT} s") from None
    if result.returncode != 0:
        raise Failure(result.stderr.strip())
    return {key: float(value) for key, _, value in (word.partition("=") for word in result.stdout.split()[1:])}


def machine(redis):
    with open("/proc/cpuinfo", encoding="utf-8") as cpuinfo:
        models = [line.partition(":")[2].strip() for line in cpuinfo if line.startswith("model name")]
    version = redis.command("INFO", "server").partition("redis_version:")[2].split()[0]
    return {"cpu": models[0] if models else platform.machine(), "cores": os.cpu_count(), "kernel": platform.release(),
            "redis": version, "load average": f"{os.getloadavg()[0]:.1f}",
            "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}


def one_line(about):
    return ", ".join(f"{key} {value}" for key, value in about.items())
