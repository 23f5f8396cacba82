"""The carrier's word about a delivery: sent → delivered or undelivered, once and never back.

One conditional UPDATE decides, so whatever is forged, replayed, late or unknown changes nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, bindparam, delete, or_, select, update
from sqlalchemy.engine import Connection

from notifapp import clock
from notifapp.database import Statement, UtcDateTime, reading, table_of, upsert, writing
from notifapp.delivery.models import Delivery, DeliveryStatus
from notifapp.delivery.service import TOLD, tell_undelivered
from notifapp.notifiers.gateway.base import SendFailed
from notifapp.notifiers.gateway.receipts import NotGenuine, PushesReceipts, ReceiptRequest, Report, ReportOutcome
from notifapp.notifiers.sending import open_notifier_of
from notifapp.receipts.models import EarlyReceipt
from notifapp.receipts.together import Together

REPORTED_WITHIN = timedelta(days=3)  # of sending: carriers try for that long, and ids may be used again
EARLY_KEPT = timedelta(minutes=10)
BATCH = 500  # rows in a transaction
MAX_ID_LENGTH = 200  # of the columns

_log = logging.getLogger("notifapp.receipts")
_table, _early_table = table_of(Delivery), table_of(EarlyReceipt)
_delivery, _early = _table.c, _early_table.c
_IS_IT = and_(
    _delivery.notifier_id == bindparam("notifier"),
    _delivery.provider_id == bindparam("provider"),
)
_KNOWN = Statement(select(_delivery.status, _delivery.finished_at).where(_IS_IT))
# By its status, of which few rows are unfinished: the notifier has sent millions.
_ANY_UNFINISHED = Statement(
    select(_delivery.id)
    .where(
        or_(_delivery.status == DeliveryStatus.QUEUED.value, _delivery.status == DeliveryStatus.SENDING.value),
        _delivery.notifier_id + 0 == bindparam("notifier"),
        _delivery.attempts > 0,
    )
    .limit(1)
)
_REPORT = Statement(
    update(_table)
    .where(
        _IS_IT,
        _delivery.status == DeliveryStatus.SENT.value,
        _delivery.finished_at > bindparam("since", type_=UtcDateTime),
    )
    .values(
        status=bindparam("new_status"),
        reported_at=bindparam("now", type_=UtcDateTime),
        error_code=bindparam("code"),
        error_reason=bindparam("reason"),
        next_ask_at=None,
    )
    .returning(*TOLD)
)


def _keep(insert: Any) -> Any:
    return insert.values({column.name: bindparam(column.name) for column in _early}).on_conflict_do_nothing()


_KEEP_EARLY = Statement(upsert(_early_table, _keep))
_MATCHED = (
    select(_early_table)
    .join(_table, and_(_delivery.notifier_id == _early.notifier_id, _delivery.provider_id == _early.provider_id))
    .limit(BATCH)
)


def receive(request: ReceiptRequest) -> None:
    """Take in what a gateway pushes. What isn't genuine, or is about no delivery that waits for it, is dropped."""
    try:
        notifier = open_notifier_of(request.key)
        if notifier is None or not isinstance(notifier.backend, PushesReceipts):
            return
        reports = notifier.backend.receipt(notifier.config, request)
    except (NotGenuine, SendFailed) as refused:
        _log.warning("receipt refused", extra={"fields": {"reason": type(refused).__name__}})
        return
    for report in reports:
        _take(notifier.id, report)


def apply(connection: Connection, notifier_id: int, report: Report, at: datetime) -> bool:
    """Write down a report of one of the notifier's deliveries, which came at `at`, and tell it if it isn't delivered.

    Return whether anything changed.
    """
    reported = _REPORT.all(
        connection,
        notifier=notifier_id,
        provider=report.provider_id,
        since=at - REPORTED_WITHIN,
        now=at,
        new_status=report.outcome.value,
        code=report.code[:60] or None,
        reason=report.reason[:300] or None,
    )
    for row in reported:
        if row.status == DeliveryStatus.UNDELIVERED.value:
            tell_undelivered(connection, row)
    return bool(reported)


def settle_early() -> int:
    """Apply the early receipts whose deliveries are known by now, and forget those for which none came.

    Return how many there were.
    """
    now = clock.now()
    is_over = _early.received_at < now - EARLY_KEPT
    with reading() as connection:
        found = connection.execute(_MATCHED).all()
        any_over = connection.execute(select(_early.notifier_id).where(is_over).limit(1)).first()
    if not found and not any_over:
        return 0
    with writing() as connection:
        for row in sorted(found):
            report = Report(row.provider_id, ReportOutcome(row.outcome), row.reason or "", row.code or "")
            apply(connection, row.notifier_id, report, row.received_at)
            is_it = _early.notifier_id == row.notifier_id, _early.provider_id == row.provider_id
            connection.execute(delete(_early_table).where(*is_it))
        connection.execute(delete(_early_table).where(is_over))
    return len(found)


def _take(notifier_id: int, report: Report) -> None:
    """Write a report down, or keep it where its delivery may not be written yet. Only what may count is written."""
    since = clock.now() - REPORTED_WITHIN
    with reading() as connection:
        known = _KNOWN.all(connection, notifier=notifier_id, provider=report.provider_id)
        is_early = not known and _ANY_UNFINISHED.first(connection, notifier=notifier_id) is not None
        if not known and not is_early:  # its worker may have written it down between the two looks
            known = _KNOWN.all(connection, notifier=notifier_id, provider=report.provider_id)
    is_awaited = any(row.status == DeliveryStatus.SENT.value and row.finished_at > since for row in known)
    if is_awaited:
        _applied.add((notifier_id, report.provider_id, report))
    elif is_early and 0 < len(report.provider_id) <= MAX_ID_LENGTH:
        with writing() as connection:
            _KEEP_EARLY.execute(
                connection,
                notifier_id=notifier_id,
                provider_id=report.provider_id,
                outcome=report.outcome.value,
                code=report.code[:60] or None,
                reason=report.reason[:300] or None,
                received_at=clock.now(),
            )


def _apply_all(taken: Iterable[tuple[int, str, Report]]) -> None:
    now = clock.now()
    with writing() as connection:
        # In one order everywhere, so that no two transactions wait for each other.
        for notifier_id, _provider_id, report in sorted(taken, key=lambda each: each[:2]):
            apply(connection, notifier_id, report, now)


_applied = Together(_apply_all)
