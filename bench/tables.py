"""Measuring in turns, checking what came of it, and Markdown tables of the medians."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from bench.load import Measured

Table = dict[str, dict[str, Measured]]  # what was measured, of which target


def interleaved(rounds: int, measurements: Mapping[str, Mapping[str, Callable[[], Measured]]]) -> Table:
    """Take each thing's measurement of each target in turn, `rounds` times, so that all see the same weather.

    Return the medians. One more round goes before, and isn't counted: it warms up everything that is slow at first.
    """
    results: dict[tuple[str, str], list[Measured]] = defaultdict(list)
    for _ in range(1 + rounds):
        for what, of in measurements.items():
            for target, measure in of.items():
                results[what, target].append(measure())
    return {what: {target: _median(results[what, target][1:]) for target in of} for what, of in measurements.items()}


def checked(what: str, measured: Measured, *, written: int | None = None) -> Measured:
    """The measurement, if every answer was the expected one and as many rows were written as requests answered."""
    if measured.failures or written not in (None, measured.requests):
        raise SystemExit(f"{what}: {measured}, and {written} rows were written")
    return measured


def show(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table whose first column is text and whose others are numbers."""
    print("| " + " | ".join(columns) + " |")
    print("|---|" + "---:|" * (len(columns) - 1))
    for row in rows:
        print("| " + " | ".join(row) + " |", flush=True)


def compare(measured: Table, targets: Sequence[str]) -> None:
    """Print what was measured of each target, and the first one's ratio to each of the others."""
    first, *others = targets
    columns = ["requests/s (p50 / p99 ms)", *targets, *(f"to {other}" for other in others)]
    rows = []
    for what, of in measured.items():
        ratios = [f"{of[first].per_second / of[other].per_second:.2f}" for other in others]
        rows.append([what, *(_cell(of[target]) for target in targets), *ratios])
    show(columns, rows)
    busiest = max(result.busy for of in measured.values() for result in of.values())
    print(f"\nThe load generator itself took at most {busiest:.0%} of a core.\n", flush=True)


def _cell(measured: Measured) -> str:
    return f"{measured.per_second:,.0f} ({measured.p50:.2f} / {measured.p99:.2f})"


def _median(results: list[Measured]) -> Measured:
    numbers = {
        name: statistics.median(getattr(result, name) for result in results)
        for name in ("per_second", "p50", "p99", "busy")
    }
    return replace(results[0], **numbers)
