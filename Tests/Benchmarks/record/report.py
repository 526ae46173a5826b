"""The results of the benchmark: medians, ratios, a table."""

import statistics

from tables import verdict

# The relay's limit of memory in addition to its buffer, whose default is 64 MiB.
OWN_MIB, BUFFER_MIB = 64, 64
RATIO_GOALS = {"none": 1.0, "zstd": 2.0}

COLUMNS = ("us/envelope", "min", "max", "in kernel", "ratio", "min", "max", "peak RSS", "dropped", "lost",
           "backlog", "file B/envelope", "Redis us/envelope", "rate")


def contestant_microseconds(run):
    """CPU per received envelope: lost ones cost little and must not improve the figure."""
    return run["cpu_seconds"] * 1e6 / max(run["envelopes"] - run["lost"], 1)


def redis_microseconds(run):
    return run["redis_cpu_seconds"] * 1e6 / run["envelopes"]


def ratios(runs, contestant, peer="baseline"):
    """One per round: this contestant's CPU per envelope divided by the peer's of the same round."""
    baseline = {run["round"]: contestant_microseconds(run) for run in runs if run["contestant"] == peer}
    return [contestant_microseconds(run) / baseline[run["round"]] for run in runs
            if run["contestant"] == contestant and run["round"] in baseline]


def spread(values):
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def summary(runs):
    """One entry for each size, load and contestant, in the order of their first run."""
    entries = []
    for size, load in dict.fromkeys((run["size"], run["load"]) for run in runs):
        here = [run for run in runs if (run["size"], run["load"]) == (size, load)]
        for contestant in dict.fromkeys(sorted((run["contestant"] for run in here), key=contestant_order)):
            own = [run for run in here if run["contestant"] == contestant]
            against_baseline = ratios(here, contestant)
            against_zstd = ratios(here, contestant, "baseline-zstd") if contestant.startswith("relay zstd") else []
            entries.append({
                "size": size, "load": load, "contestant": contestant, "rounds": len(own),
                "envelopes": own[0]["envelopes"],
                "us_per_envelope": spread([contestant_microseconds(run) for run in own]),
                "kernel_share": statistics.median(run["kernel_share"] for run in own),
                "ratio": spread(against_baseline) if against_baseline and contestant != "baseline" else None,
                "ratio_to_zstd": spread(against_zstd) if against_zstd else None,
                "peak_rss_bytes": max(run["peak_rss_bytes"] for run in own),
                "dropped": sum(run["dropped"] for run in own),
                "lost": sum(run["lost"] for run in own),
                "backlog_bytes": max(run["backlog_bytes"] for run in own),
                "file_bytes_per_envelope": statistics.median(run["file_bytes_per_envelope"] for run in own),
                "redis_us_per_envelope": statistics.median(redis_microseconds(run) for run in own),
                "share_of_redis": statistics.median(run["cpu_seconds"] / run["redis_cpu_seconds"] for run in own),
                "rate": statistics.median(run["rate"] for run in own),
            })
    return entries


def contestant_order(name):
    return ("baseline" not in name, name)


def cells(entry):
    time, ratio = entry["us_per_envelope"], entry["ratio"]
    return (f"{time['median']:.3f}", f"{time['min']:.3f}", f"{time['max']:.3f}", f"{entry['kernel_share']:.0%}",
            *([f"{ratio[key]:.2f}" for key in ("median", "min", "max")] if ratio else ["", "", ""]),
            f"{entry['peak_rss_bytes'] / 1e6:.1f} MB", str(entry["dropped"]), str(entry["lost"]),
            f"{entry['backlog_bytes'] / 1e6:.1f} MB", f"{entry['file_bytes_per_envelope']:.0f}",
            f"{entry['redis_us_per_envelope']:.2f}", f"{entry['rate']:.0f}/s")


def table(entries):
    """The entries of one size and load as text.

    us/envelope and ratio are medians of the rounds, each followed by min and max. Peak RSS and backlog (bytes waiting in
    Redis for the contestant when the publisher had finished) are the worst of the rounds, dropped and lost their sums.
    """
    first = entries[0]
    rows = [("", *COLUMNS), *((entry["contestant"], *cells(entry)) for entry in entries)]
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = ["  ".join(cell.rjust(width) if index else cell.ljust(width)
                       for index, (cell, width) in enumerate(zip(row, widths))) for row in rows]
    title = f"{first['size']} B, {first['load']}, {first['envelopes']} envelopes a run, {first['rounds']} rounds"
    return "\n".join([title, *lines, *(goals(entry) for entry in entries if "baseline" not in entry["contestant"])])


def goals(entry):
    """The goals for a relay, and whether they are met."""
    figures = []
    if entry["ratio"]:
        goal = next(goal for name, goal in RATIO_GOALS.items() if name in entry["contestant"])
        figures.append(("ratio", f"{entry['ratio']['median']:.2f}", verdict(entry["ratio"]["median"], goal)))
    if entry["ratio_to_zstd"]:
        figures.append(("beside the C loop that compresses, too,", f"{entry['ratio_to_zstd']['median']:.2f}", ""))
    share, memory = entry["share_of_redis"], entry["peak_rss_bytes"] / 2**20
    figures += [("CPU of Redis' own", f"{share:.2f}", verdict(share, 0.5)),
                ("dropped", entry["dropped"], verdict(entry["dropped"], 0)),
                ("peak RSS", f"{memory:.0f} MiB", verdict(memory, OWN_MIB + BUFFER_MIB))]
    return f"{entry['contestant']}: " + "; ".join(f"{name} {value} {text}".rstrip() for name, value, text in figures)
