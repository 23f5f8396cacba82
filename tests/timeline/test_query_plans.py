"""A look finds one recipient among many through indexes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import insert

from notifapp import clock
from notifapp.access import Principal
from notifapp.database import table_of, writing
from notifapp.delivery.models import Delivery
from notifapp.otp.challenges import statuses
from notifapp.otp.models import OtpChallenge
from notifapp.timeline.service import of_address, of_delivery
from notifapp.traces.models import Trace
from tests.otp.caller import PHONE, Caller
from tests.statements import analyze, plans, read_row_by_row, sent

ROWS = 20_000

pytestmark = pytest.mark.slow


def others(project_id: int) -> Iterator[tuple[type[Any], list[dict[str, Any]]]]:
    """What happened to other recipients of the project."""
    now = clock.now()
    times = [now - timedelta(minutes=number) for number in range(ROWS)]
    at = {"project_id": project_id, "channel": "sms", "recipient": "r"}
    yield Delivery, [
        {**at, "notifier_name": "x", "backend": "console", "purpose": "otp", "status": "sent",
         "challenge_id": f"{n:032x}", "next_attempt_at": then, "expires_at": then, "created_at": then}
        for n, then in enumerate(times)
    ]  # fmt: skip
    yield OtpChallenge, [
        {**at, "id": f"{n:032x}", "recipient_digest": f"{n}", "counted_as": f"{n}", "settings_version": 1,
         "code_length": 5, "ttl": 60, "code_mac": "x", "status": "failed", "attempts_left": 0, "created_at": then,
         "expires_at": then, "resend_at": then}
        for n, then in enumerate(times)
    ]  # fmt: skip
    yield Trace, [{"at": then, "kind": "refused", "digest": f"{n}", "code": "x"} for n, then in enumerate(times)]
    yield Trace, [{"at": then, "kind": "failed", "delivery_id": n + 1, "attempt": 1} for n, then in enumerate(times)]


@pytest.mark.parametrize(
    "look",
    [
        lambda project: of_address(project, PHONE, principal=Principal.operator()),
        lambda project: of_address(project, PHONE, principal=Principal.operator(), before=clock.now()),
        lambda project: of_delivery(project, 1, principal=Principal.operator()),
        lambda _project: statuses(["x", "y"]),
    ],
    ids=["address", "older", "delivery", "row"],
)
def test_a_look_reads_no_table_from_end_to_end(app: Flask, caller: Caller, look: Callable[[Any], object]) -> None:
    caller.open()
    with app.app_context():
        with writing() as connection:
            for model, rows in others(caller.project.id):
                connection.execute(insert(table_of(model)), rows)
        analyze()
        with sent() as statements:
            look(caller.project)
        explained = list(plans(statements))
        assert explained
        for statement, plan in explained:
            assert read_row_by_row(plan) <= {"worker_heartbeat"}, f"{statement}\n\n{plan}"
