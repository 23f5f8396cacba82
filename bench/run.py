"""`make bench`: notifapp beside a bare Flask view and Django REST Framework, in interleaved rounds.

Prints Markdown tables of medians over the rounds, and notifapp's ratio to each peer.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from contextlib import ExitStack
from itertools import count
from pathlib import Path

from flask import Flask
from sqlalchemy import func, select

from bench import codes
from bench.seed import seed
from bench.servers import ROOT, TARGETS, make_app, postgresql, serve
from notifapp.database import table_of
from notifapp.extensions import db
from notifapp.settings.models import SettingsRevision

WORKERS, THREADS, CONNECTIONS = 1, 4, 8
SIZES = (1, 10_000)  # projects
METHODS = ("GET", "PATCH")
WARM_UP = 0.5  # seconds

_runs = count()  # each run's PATCHes set other values than those of the runs before it

Measured = dict[str, float]
Rounds = dict[tuple[str, str], list[Measured]]  # by method and target


def main() -> None:
    """Measure every database and size, printing each table as it is done."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3, help="of each measurement")
    parser.add_argument("--quick", action="store_true", help="one round of one second")
    options = parser.parse_args()
    rounds, seconds = (1, 1.0) if options.quick else (options.rounds, options.seconds)
    print(
        f"granian, {WORKERS} worker, {THREADS} threads; {CONNECTIONS} keep-alive connections; "
        f"medians of {rounds} interleaved rounds of {seconds:g} s."
    )
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name, ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL runs as a user of its own where we are root
        server = stack.enter_context(postgresql(folder))
        _make_databases(server)
        for kind in ("SQLite", "PostgreSQL"):
            for size in SIZES:
                url = f"sqlite:///{folder / str(size)}.sqlite3" if kind == "SQLite" else server.format(f"bench_{size}")
                print(f"\n### {kind}, {size:,} project{'s' if size > 1 else ''}\n", flush=True)
                _print(measure(url, folder, size, rounds, seconds))
                if size == SIZES[0]:
                    with serve(TARGETS["notifapp"], url, folder, workers=WORKERS, threads=THREADS) as server_:
                        codes.show(make_app(url, folder), server_.port, CONNECTIONS, rounds, seconds)


def measure(url: str, folder: Path, size: int, rounds: int, seconds: float) -> Rounds:
    """Seed the database at `url`, start every target on it, and load one after the other."""
    app = make_app(url, folder)
    seed(app, size)
    measured: Rounds = defaultdict(list)
    with ExitStack() as stack:
        ports = {
            target: stack.enter_context(serve(path, url, folder, workers=WORKERS, threads=THREADS)).port
            for target, path in TARGETS.items()
        }
        for port in ports.values():
            for method in METHODS:
                _load(port, method, size, WARM_UP)
        for _ in range(rounds):
            for method in METHODS:
                for target, port in ports.items():
                    before = _revisions(app)
                    result = _load(port, method, size, seconds)
                    changes = _revisions(app) - before
                    expected = result["requests"] if method == "PATCH" else 0
                    # The first requests of a run may happen to find the very values that they set.
                    if result["failures"] or not expected - CONNECTIONS <= changes <= expected:
                        raise SystemExit(f"{target}, {method}: {result}, but {changes} revisions")
                    measured[method, target].append(result)
    return measured


def _load(port: int, method: str, size: int, seconds: float) -> Measured:
    command = [sys.executable, "-m", "bench.load", f"--port={port}", f"--method={method}", f"--seconds={seconds}"]
    command += [f"--projects={size}", f"--connections={CONNECTIONS}", f"--nth-run={next(_runs)}"]
    output = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    result: Measured = json.loads(output)
    return result


def _revisions(app: Flask) -> int:
    with app.app_context(), db.engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(table_of(SettingsRevision))) or 0


def _make_databases(server: str) -> None:
    import psycopg

    with psycopg.connect(server.format("postgres"), autocommit=True) as connection:
        for size in SIZES:
            connection.execute(f"CREATE DATABASE bench_{size}")


def _print(measured: Rounds) -> None:
    print("| | " + " | ".join(f"{target} requests/s | p50 ms | p99 ms" for target in TARGETS), end="")
    print(" | notifapp : bare Flask | notifapp : DRF |")
    print("|---|" + "---:|" * (3 * len(TARGETS) + 2))
    for method in METHODS:
        medians = {target: _median(measured[method, target]) for target in TARGETS}
        cells = [f"{m['per_second']:,.0f} | {m['p50']:.2f} | {m['p99']:.2f}" for m in medians.values()]
        ours = medians["notifapp"]["per_second"]
        ratios = [f"{ours / medians[peer]['per_second']:.2f}" for peer in ("bare Flask", "DRF")]
        print(f"| {method} | " + " | ".join(cells + ratios) + " |", flush=True)


def _median(results: list[Measured]) -> Measured:
    return {name: statistics.median(result[name] for result in results) for name in ("per_second", "p50", "p99")}


if __name__ == "__main__":
    main()
