"""The `worker` command."""

from __future__ import annotations

import signal
from contextlib import ExitStack

import click
from flask import Flask, current_app
from flask.cli import with_appcontext

from notifapp.alerts import evaluation as alerts
from notifapp.cli.repeating import Repeating
from notifapp.delivery.worker import Worker
from notifapp.notifiers.asking import balances
from notifapp.otp.expired.service import tell_expired
from notifapp.otp.proofs.service import prove_by_codes
from notifapp.otp.slowness import service as slowness
from notifapp.otp.trials.service import settle_due
from notifapp.receipts import asking
from notifapp.retention.service import purge_if_due


@click.command("worker")
@click.option("--threads", type=click.IntRange(1, 64), default=4, show_default=True, help="Messages sent at once.")
@with_appcontext
def worker(threads: int) -> None:
    """Send queued messages and tell events until SIGINT or SIGTERM.

    Beside that, ask gateways what became of messages and what is left on the accounts, tell which codes have expired
    and what is wrong, end trials of the settings, note which notifiers customers' codes prove, watch whether codes
    arrive in time, and purge what is old once an hour.
    """
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    running = Worker(app, threads)
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signal_number, lambda *_: running.stop())
    with ExitStack() as beside:
        beside.enter_context(Repeating(app, "purging", purge_if_due, seconds=60))
        beside.enter_context(Repeating(app, "balances", balances.read_due, seconds=60))
        beside.enter_context(Repeating(app, "receipts", asking.take_in, seconds=2))
        beside.enter_context(Repeating(app, "expired codes", tell_expired, seconds=5))
        beside.enter_context(Repeating(app, "slowness", slowness.judge, seconds=10))
        beside.enter_context(Repeating(app, "proofs", prove_by_codes, seconds=5))
        beside.enter_context(Repeating(app, "alerts", alerts.evaluate_quick, seconds=5))
        beside.enter_context(Repeating(app, "slow alerts", alerts.evaluate_slow, seconds=60))
        beside.enter_context(Repeating(app, "trials", settle_due, seconds=1))
        running.run()
