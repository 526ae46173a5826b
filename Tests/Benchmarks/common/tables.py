"""Alternating rounds, medians, and tables."""

import statistics
import sys


def in_turn(contestants, rounds, measure):
    """Calls `measure(contestant)` for each contestant in each round, in alternating order.

    Returns the results by contestant, in the order of rounds."""
    results = {contestant: [] for contestant in contestants}
    for number in range(rounds):
        for contestant in contestants if number % 2 == 0 else reversed(contestants):
            print(f"round {number + 1} of {rounds}: {contestant}", file=sys.stderr)
            results[contestant].append(measure(contestant))
    return results


def median_ratio(own, other):
    """Median of the ratios within each round."""
    return statistics.median(a / b for a, b in zip(own, other))


def spread_text(values, form):
    return f"{form(statistics.median(values))} ({form(min(values))} to {form(max(values))})"


def table(title, rows):
    """Rows of text as aligned columns; the first row is the header."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = ["  ".join(cell.rjust(width) if index else cell.ljust(width)
                       for index, (cell, width) in enumerate(zip(row, widths))).rstrip() for row in rows]
    return "\n".join([title, *lines])


def verdict(value, goal, at_least=False):
    """A goal and whether a figure meets it, for the last column."""
    met = value >= goal if at_least else value <= goal
    return f"{'>=' if at_least else '<='} {goal:g}: {'met' if met else 'missed'}"
