"""`make bench`: notifapp beside what one would write instead, on SQLite and on PostgreSQL.

Prints Markdown tables of medians over interleaved rounds, and notifapp's ratio to each peer. All of it takes an hour.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import tempfile
from pathlib import Path

from bench.measure import codes, receipts, settings, size, worker
from bench.servers import postgresql
from bench.stand import Stand

PARTS = {
    "settings": ("GET and PATCH of the settings", settings.measure),
    "codes": ("One-time codes, issued and verified", codes.measure),
    "worker": ("One worker process that sends", worker.measure),
    "receipts": ("Receipts that pour in", receipts.measure),
    "size": ("A database that has seen many codes", size.measure),
}
NEED_REDIS = {"codes", "worker"}
FULL = {
    "rounds": 5,
    "seconds": 3.0,
    "workers": [1, 2],
    "threads": 4,
    "connections": 8,
    "projects": 10_000,
    "messages": 2_000,
    "calls": 100,
    "challenges": 10_000_000,
    "receipts": 100_000,
}
QUICK = FULL | {
    "rounds": 1,
    "seconds": 0.3,
    "workers": [1],
    "projects": 200,
    "messages": 40,
    "calls": 5,
    "challenges": 20_000,
    "receipts": 2_000,
}


def main() -> None:
    """Measure part after part, printing each table as it is done."""
    options = _options()
    _introduce(options)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL runs as a user of its own where we are root
        with postgresql(folder) as server:
            stand = Stand(folder=folder, postgresql=server, **{name: getattr(options, name) for name in FULL})
            for part in options.only:
                title, measure = PARTS[part]
                print(f"\n## {title}\n", flush=True)
                measure(stand)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=PARTS, help="measure only these parts")
    parser.add_argument(
        "--quick", action="store_true", help="try everything out in two or three minutes, for no figures"
    )
    parser.add_argument("--rounds", type=int, help="of each measurement; medians are printed")
    parser.add_argument("--seconds", type=float, help="of each round")
    parser.add_argument("--workers", type=int, nargs="+", help="of each server; each number is measured by itself")
    parser.add_argument("--threads", type=int, help="of each server's worker, and of the worker that sends")
    parser.add_argument("--connections", type=int, help="of the load generator")
    parser.add_argument("--projects", type=int, help="in the larger database of the settings")
    parser.add_argument("--messages", type=int, help="in the backlog of the worker that sends")
    parser.add_argument("--calls", type=int, help="one at a time, each until its message arrives")
    parser.add_argument("--challenges", type=int, help="in the larger database of the codes")
    parser.add_argument("--receipts", type=int, help="that pour in while codes are issued and verified")
    parser.set_defaults(only=list(PARTS), **FULL)
    if parser.parse_args().quick:
        parser.set_defaults(**QUICK)
    options = parser.parse_args()
    if NEED_REDIS & set(options.only) and shutil.which("redis-server") is None:
        parser.error("Celery needs redis-server: on Debian, apt-get install redis-server; or leave it out with --only")
    return options


def _introduce(options: argparse.Namespace) -> None:
    workers = " and ".join(str(number) for number in options.workers)
    print(
        f"Python {platform.python_version()} on {os.cpu_count()} cores, of which the load takes its share. "
        f"granian with {workers} worker(s) of {options.threads} threads; {options.connections} keep-alive connections; "
        f"medians of {options.rounds} interleaved round(s) of {options.seconds:g} s.\n"
        "Durable everywhere: SQLite with journal_mode=WAL and synchronous=FULL, PostgreSQL with fsync.",
        flush=True,
    )


if __name__ == "__main__":
    main()
