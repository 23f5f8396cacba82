"""`make bench`: notifapp beside what one would write instead, on SQLite and on PostgreSQL.

Prints Markdown tables of medians over interleaved rounds, and notifapp's ratio to each peer.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from bench.measure import codes, settings, size, worker
from bench.servers import postgresql
from bench.stand import Stand

PARTS = {
    "settings": ("GET and PATCH of the settings", settings.measure),
    "codes": ("One-time codes", codes.measure),
    "worker": ("The worker", worker.measure),
    "size": ("The size of the database", size.measure),
}


def main() -> None:
    """Measure part after part, printing each table as it is done."""
    options = _options()
    print(_conditions(options), flush=True)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL runs as a user of its own where we are root
        with postgresql(folder) as server:
            stand = Stand(
                folder=folder,
                postgresql=server,
                rounds=options.rounds,
                seconds=options.seconds,
                workers=tuple(options.workers),
                threads=options.threads,
                connections=options.connections,
                projects=(1, options.projects),
                messages=options.messages,
                calls=options.calls,
                challenges=options.challenges,
            )
            for part in options.only or PARTS:
                title, measure = PARTS[part]
                print(f"\n## {title}\n", flush=True)
                measure(stand)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=PARTS, help="measure these parts alone")
    parser.add_argument("--quick", action="store_true", help="a smoke test of everything in two minutes; no figures")
    parser.add_argument("--workers", nargs="+", type=int, default=[1, 2], help="of each server, one after the other")
    parser.add_argument("--threads", type=int, default=4, help="of each server's worker, and messages sent at once")
    parser.add_argument("--connections", type=int, default=8, help="of the load generator")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3, help="of each round")
    parser.add_argument("--projects", type=int, default=10_000, help="in the larger database of the settings")
    parser.add_argument("--messages", type=int, default=2_000, help="in the workers' backlog")
    parser.add_argument("--calls", type=int, default=100, help="one at a time, from the call to the message's arrival")
    parser.add_argument("--challenges", type=int, default=10_000_000, help="in the larger database of the codes")
    return parser.parse_args()


def _conditions(options: argparse.Namespace) -> str:
    return ""


if __name__ == "__main__":
    main()
