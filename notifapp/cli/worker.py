"""The `worker` command."""

from __future__ import annotations

import signal

import click
from flask import Flask, current_app
from flask.cli import with_appcontext

from notifapp.delivery.worker import Worker
from notifapp.otp.expired.service import Expiring
from notifapp.retention.service import Purging


@click.command("worker")
@click.option("--threads", type=click.IntRange(1, 64), default=4, show_default=True, help="Messages sent at once.")
@with_appcontext
def worker(threads: int) -> None:
    """Send queued messages and tell events until SIGINT or SIGTERM, and purge what is old once an hour."""
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    running = Worker(app, threads)
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signal_number, lambda *_: running.stop())
    with Purging(app), Expiring(app):
        running.run()
