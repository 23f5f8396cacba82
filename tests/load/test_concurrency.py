"""Real servers under many writers: nothing is lost, and a `kill -9` leaves nothing half-written."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from bench.servers import make_app, serve
from notifapp.access import Permission, ProjectRef
from notifapp.audit.models import AuditEvent
from notifapp.database import AnyRow, reading, table_of
from notifapp.extensions import db
from notifapp.settings import service
from notifapp.settings.models import SettingsRevision
from notifapp.settings.values import EMAIL_NOTIFIER, OTP_CODE_LEN, OTP_TTL, SMS_NOTIFIER
from tests.conftest import Databases
from tests.load.hammer import NOTIFIERS, THREADS, Answer, Hammer
from tests.world import World

pytestmark = pytest.mark.slow

SECONDS = 5.0
WORKERS, WORKER_THREADS = 2, 4
COLUMNS = {
    SMS_NOTIFIER: "sms_notifier_id",
    EMAIL_NOTIFIER: "email_notifier_id",
    OTP_CODE_LEN: "otp_code_len",
    OTP_TTL: "otp_ttl",
}


@dataclass
class Target:
    """A project on a database that servers are started on."""

    url: str
    folder: Path
    app: Flask
    project: ProjectRef
    token: str
    sms: list[int]
    email: list[int]

    def serve(self) -> Any:
        return serve("app:app", self.url, self.folder, workers=WORKERS, threads=WORKER_THREADS)

    def strike(self, port: int) -> Hammer:
        hammer = Hammer(port, self.token)
        hammer.strike(self.sms, self.email, seconds=SECONDS)
        return hammer

    def version(self) -> int:
        with self.app.app_context():
            return service.get_notification_settings(self.project).version

    def values(self) -> tuple[Any, ...]:
        with self.app.app_context():
            now = service.get_notification_settings(self.project)
        sms, email = now.sms_notifier, now.email_notifier
        return (sms and sms.id, email and email.id, now.otp_code_len, now.otp_ttl)

    def revisions(self) -> list[AnyRow]:
        columns = table_of(SettingsRevision).c
        statement = select(columns.version, *(columns[name] for name in COLUMNS.values())).order_by(columns.version)
        with self.app.app_context(), reading() as connection:
            return list(connection.execute(statement).all())

    def audited_versions(self) -> list[int]:
        columns = table_of(AuditEvent).c
        with self.app.app_context(), reading() as connection:
            return [detail["version"] for detail in connection.scalars(select(columns.detail).order_by(columns.id))]


@pytest.fixture
def target(database: str, databases: Databases, tmp_path: Path) -> Iterator[Target]:
    url = databases.make(database)
    app = make_app(url, tmp_path)
    world = World(app)
    project = world.project()
    yield Target(
        url=url,
        folder=tmp_path,
        app=app,
        project=project,
        token=world.staff_token(project, Permission.NOTIFICATIONS_SETTINGS_UPDATE),
        sms=[world.notifier(project, "sms", f"sms_{n}") for n in range(NOTIFIERS)],
        email=[world.notifier(project, "email", f"email_{n}") for n in range(NOTIFIERS)],
    )
    with app.app_context():
        db.engine.dispose()


def test_threads_that_change_different_fields_of_one_project_lose_nothing(target: Target) -> None:
    with target.serve() as server:
        hammer = target.strike(server.port)
    assert (hammer.refusals, hammer.losses) == ([], 0)
    revisions = target.revisions()
    assert [row.version for row in revisions] == list(range(1, len(hammer.answers) + 1))
    assert len(hammer.answers) > THREADS
    assert sorted(answer.version for answer in hammer.answers) == [row.version for row in revisions]
    check_history(target, hammer.answers)


def test_kill_9_amid_changes_keeps_what_was_answered_and_leaves_nothing_half_written(target: Target) -> None:
    with target.serve() as server:
        threading.Timer(SECONDS / 2, server.end, [signal.SIGKILL]).start()
        hammer = target.strike(server.port)
    assert hammer.refusals == []
    assert hammer.losses == THREADS
    with target.serve() as again:
        assert len(target.revisions()) <= len(hammer.answers) + THREADS
        check_history(target, hammer.answers)
        after = Hammer(again.port, target.token)
        after.strike(target.sms, target.email, seconds=3)  # A worker that is still starting is not stopped cleanly.
        assert (after.refusals, after.losses) == ([], 0)
        check_history(target, hammer.answers + after.answers)


def check_history(target: Target, answers: list[Answer]) -> None:
    """Versions have no gaps, every answer is in them, each changed only its own field, and all tables agree."""
    revisions = target.revisions()
    versions = [row.version for row in revisions]
    assert versions == list(range(1, len(revisions) + 1))
    assert sorted(target.audited_versions()) == versions
    assert (target.version(), target.values()) == (versions[-1], tuple(revisions[-1][1:]))
    by_version = {row.version: row for row in revisions}
    for answer in answers:
        assert getattr(by_version[answer.version], COLUMNS[answer.field]) == answer.value
    for before, after in pairwise(revisions):
        assert sum(old != new for old, new in zip(before[1:], after[1:], strict=True)) == 1
