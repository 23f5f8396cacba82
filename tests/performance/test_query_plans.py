"""Every statement behind the settings finds its rows through an index, in tables of a realistic size.

The statements are taken from real requests; the audit trail's own are looked at in tests/audit/.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import insert, update
from sqlalchemy.engine import Connection

from bench.load import token_of
from bench.seed import notifiers_of, seed
from notifapp import clock, create_app
from notifapp.access import Principal, ProjectRef
from notifapp.access.models import ApiToken, MembershipPermission
from notifapp.breakers.models import NotifierBreaker
from notifapp.channels import Channel
from notifapp.database import table_of, writing
from notifapp.events.models import EventEndpoint, EventSubscription
from notifapp.extensions import db
from notifapp.health.arriving.models import CodeSlice
from notifapp.health.arriving.slices import LENGTH as SLICE
from notifapp.health.arriving.slices import this_slice
from notifapp.health.arriving.tally import COUNTS
from notifapp.notifiers.models import NotifierBalance
from notifapp.otp.models import OtpChallenge, OtpLimits, OtpResend
from notifapp.otp.test_recipients.models import OtpTestRecipient
from notifapp.otp.trials.service import settle_due
from notifapp.settings.trials.models import SettingsTrial
from notifapp.settings.trials.service import start_trial
from notifapp.standby.models import StandbyNotifier
from tests.client import ApiClient, Browser
from tests.conftest import Databases, config_for
from tests.otp.preview.rows import resent, verified
from tests.statements import analyze, plans, read_row_by_row, sent

pytestmark = pytest.mark.slow

Statements = list[tuple[str, Any]]

PROJECTS = 2_000
SHOP = 1_234
CODES = 20_000
_SORTED = {"sqlite": "TEMP B-TREE FOR ORDER BY", "postgresql": "Sort"}


@pytest.fixture(scope="module")
def large(database: str, databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """The app with many projects, each with its people, tokens, notifiers and history."""
    app = create_app(config_for(databases.make(database), tmp_path_factory.mktemp("large")))
    seed(app, PROJECTS)
    with app.app_context(), writing() as connection:
        codes = [{"user_id": SHOP, "project_id": SHOP, "code": code} for code in (2812, 2832)]
        connection.execute(insert(MembershipPermission), codes)
        _fill(connection)
    with app.app_context():
        analyze()
    yield app
    with app.app_context():
        db.engine.dispose()


def _fill(connection: Connection) -> None:
    """Give each project limits, an endpoint, a test recipient, and verified codes, one in four of them sent again."""
    now, ids = clock.now(), range(1, PROJECTS + 1)
    challenges = [
        verified(n % PROJECTS + 1, n, now - timedelta(seconds=n), seconds=20) | {"recipient_digest": f"{n}"}
        for n in range(CODES)
    ]
    connection.execute(insert(OtpLimits), [{"project_id": n} for n in ids])
    connection.execute(insert(OtpChallenge), challenges)
    connection.execute(insert(OtpResend), [resent(challenge) for challenge in challenges[::4]])
    endpoint = {"url": "https://shop.example", "secrets": "", "expiries_told_until": now, "created_at": now}
    connection.execute(insert(EventEndpoint), [{"id": n, "project_id": n, **endpoint} for n in ids])
    taken = [{"project_id": n, "endpoint_id": n, "type": "code.expired"} for n in ids]
    connection.execute(insert(EventSubscription), taken)
    in_use = [(n, channel, notifier) for n in ids for channel, notifier in zip(Channel, notifiers_of(n), strict=True)]
    standby = [{"project_id": n, "channel": each, "position": 1, "notifier_id": it} for n, each, it in in_use]
    connection.execute(insert(StandbyNotifier), standby)
    connection.execute(insert(NotifierBreaker), [{"notifier_id": it} for _n, _each, it in in_use])
    connection.execute(insert(NotifierBalance), [{"notifier_id": it, "hour": now, "amount": 1} for *_, it in in_use])
    connection.execute(insert(CodeSlice), [_slice(notifier, now) for n in ids for notifier in notifiers_of(n)])
    connection.execute(insert(table_of(OtpTestRecipient)), [_test_recipient(n, now) for n in ids])
    connection.execute(insert(table_of(SettingsTrial)), [_trial(n, now) for n in ids])


def _slice(notifier_id: int, at: datetime) -> dict[str, object]:
    counts = dict.fromkeys(COUNTS, 0)
    return {"notifier_id": notifier_id, "starts_at": this_slice(at) - SLICE, **counts, "times": "{}"}


def _test_recipient(project_id: int, at: datetime) -> dict[str, object]:
    row = {"project_id": project_id, "channel": "sms", "digest": "x", "address": "x", "code": "x", "outcome": "slow"}
    return {**row, "created_at": at, "created_by": "a", "ends_at": at + timedelta(days=1)}


def _trial(project_id: int, at: datetime) -> dict[str, object]:
    """One that a later change has ended."""
    ends_at = at + timedelta(hours=1 + project_id)
    return {"project_id": project_id, "version": 1, "reverts_to": 0, "started_at": at, "reverts_at": ends_at}


def sent_by_call(
    app: Flask, method: str = "GET", path: str = ApiClient.PATH, fields: dict[str, int] | None = None
) -> Statements:
    headers = {"Authorization": f"Token {token_of(SHOP)}"}
    with sent() as statements:
        response = app.test_client().open(path, method=method, headers=headers, json=fields)
    assert response.status_code == 200
    return statements


def sent_by_page(app: Flask, path: str) -> Statements:
    browser = Browser(app).sign_in(SHOP)
    with sent() as statements:
        assert browser.get(f"/projects/shop-{SHOP}/{path}").status_code == 200
    return statements


def check(app: Flask, statements: Statements) -> None:
    """Fail where a table is read from end to end."""
    with app.app_context():
        explained = list(plans(statements))
        assert explained
        for statement, plan in explained:
            assert not read_row_by_row(plan), f"{statement}\n\n{plan}"


def test_looking_up_a_token_and_reading_the_settings_use_indexes(large: Flask) -> None:
    statements = sent_by_call(large)
    assert any("FROM api_token" in statement for statement, _ in statements)
    check(large, statements)


def test_changing_the_settings_uses_indexes(large: Flask) -> None:
    sms, email = notifiers_of(SHOP)
    fields = {"notifications_sms_notifier": sms, "notifications_email_notifier": email}
    fields |= {"notifications_otp_code_len": 9, "notifications_otp_ttl": 999}
    statements = sent_by_call(large, "PATCH", fields=fields)
    assert any(statement.startswith("UPDATE notification_settings") for statement, _ in statements)
    check(large, statements)


def test_noting_that_a_token_was_used_uses_an_index(large: Flask) -> None:
    with large.app_context(), writing() as connection:
        connection.execute(update(ApiToken).where(ApiToken.id == SHOP).values(last_used_at=None))
    sent_by_call(large)
    with sent() as statements:
        large.extensions["last_uses"].write()
    assert any(statement.startswith("UPDATE api_token") for statement, _ in statements)
    check(large, statements)


@pytest.mark.parametrize(
    "path",
    [
        "settings",
        "settings/history",
        "settings/history?before=5",
        "notifiers",
        "messages",
        "deliveries",
        "deliveries?status=failed",
    ],
)
def test_the_pages_of_a_project_use_indexes(large: Flask, path: str) -> None:
    check(large, sent_by_page(large, path))


@pytest.mark.parametrize("path", ["/api/notifications/notifiers/sms", "/api/notifications/notifiers/email?search=one"])
def test_listing_notifiers_uses_indexes(large: Flask, path: str) -> None:
    statements = sent_by_call(large, path=path)
    assert any("FROM notifier" in statement for statement, _ in statements)
    check(large, statements)


def test_ending_a_trial_uses_indexes(large: Flask) -> None:
    with large.app_context():
        trial = start_trial(ProjectRef(SHOP, "", ""), {"notifications_otp_ttl": 998}, principal=Principal.operator())
        due = {"started_at": trial.trial.started_at - timedelta(hours=1), "reverts_at": trial.trial.started_at}
        with writing() as connection:
            connection.execute(update(SettingsTrial).where(SettingsTrial.project_id == SHOP).values(**due))
    check(large, sent_by_page(large, "settings"))
    with large.app_context(), sent() as statements:
        settle_due()
    assert any(statement.startswith("DELETE FROM settings_trial") for statement, _ in statements)
    check(large, statements)


def test_a_projects_health_is_found_through_indexes(large: Flask) -> None:
    statements = sent_by_call(large, path="/api/notifications/health")
    assert any("FROM code_slice" in statement for statement, _ in statements)
    check(large, statements)


def test_history_is_read_in_the_order_of_its_index(large: Flask) -> None:
    statements = sent_by_page(large, "settings/history")
    with large.app_context():
        [history] = [plan for statement, plan in plans(statements) if "FROM settings_revision" in statement]
        assert _SORTED[db.engine.dialect.name] not in history
