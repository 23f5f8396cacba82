"""Deletes what is old enough, in batches so small that nobody waits for them."""

from __future__ import annotations

import logging
import time

from flask import current_app

from notifapp.access import throttle
from notifapp.database import writing
from notifapp.errors import TooManyRequests
from notifapp.retention.rules import BATCH, RULES, Rule

ONCE_AN_HOUR = throttle.Limit(count=1, seconds=3600)
SHORTEST_PAUSE = 0.01  # seconds

_log = logging.getLogger("notifapp.retention")


def purge() -> dict[str, int]:
    """Delete what is older than the operator wants to keep. Return the number of deleted rows for each rule's name."""
    return {rule.name: _apply(rule) for rule in RULES}


def purge_if_due() -> bool:
    """`purge`, unless this or another worker has done it within the last hour. Return whether it was due.

    The hour is counted in the database, in one statement, so that of several workers one purges.
    """
    try:
        throttle.take({"purge": ONCE_AN_HOUR})
    except TooManyRequests:
        return False
    deleted = {name: count for name, count in purge().items() if count}
    _log.info("purged", extra={"fields": {"deleted": deleted}})
    return True


def _apply(rule: Rule) -> int:
    """Delete in batches, with pauses as long as each batch took, so that writers get at least half of the time."""
    cutoff = rule.cutoff(current_app.config["NOTIFAPP"].retention)
    deleted = 0
    while cutoff is not None:
        started_at = time.monotonic()
        with writing() as connection:
            batch = rule.delete(connection, rule, cutoff)
        deleted += batch
        if batch < BATCH:
            break
        time.sleep(max(time.monotonic() - started_at, SHORTEST_PAUSE))
    return deleted
