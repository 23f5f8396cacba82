"""Counts the codes of a trial, and ends it when its time is up: kept if enough of them got through, else changed back.

It is judged at the end, by all of its time: a gateway may take the first codes and then no more.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import and_, select
from sqlalchemy.engine import Connection

from notifapp import clock, wording
from notifapp.access import Principal, ProjectRef
from notifapp.audit.service import Change
from notifapp.channels import Channel
from notifapp.database import reading, table_of
from notifapp.delivery.models import ACCEPTED, TEST_BACKEND, Delivery, Purpose
from notifapp.errors import DomainError
from notifapp.otp.models import OtpChallenge
from notifapp.settings.history import settings_at
from notifapp.settings.trials.service import (
    Trial,
    due_trials,
    get_trial,
    keep_trial,
    revert_trial,
    stuck_channels,
)
from notifapp.settings.values import NOTIFIER_FIELDS, Settings, differences, fields_to

ENOUGH_SENT = 10  # codes, to tell anything
ENOUGH_VERIFIED = 0.7  # of those that were asked for
BEFORE = timedelta(days=1)  # ahead of the trial, which it is compared with
MOST = 1000  # of the last codes are counted, of each time

_delivery, _challenge = table_of(Delivery).c, table_of(OtpChallenge).c
_log = logging.getLogger("notifapp.trials")


@dataclass(frozen=True, slots=True)
class Counts:
    """How many codes were asked for, how many of them a gateway accepted, and how many came back."""

    asked_for: int
    sent: int
    verified: int

    @property
    def share(self) -> float:
        """The verified ones of those asked for."""
        return self.verified / self.asked_for if self.asked_for else 0.0


@dataclass(frozen=True, slots=True)
class Progress:
    """How codes fare during a trial and fared in the day before it: on one channel, or on both together."""

    channel: Channel | None
    during: Counts
    before: Counts

    @property
    def is_enough(self) -> bool:
        """Whether what is tried may stay."""
        during, before = self.during, self.before
        is_as_good = before.sent >= ENOUGH_SENT and during.share >= before.share
        return during.sent >= ENOUGH_SENT and during.verified > 0 and (during.share >= ENOUGH_VERIFIED or is_as_good)

    def __str__(self) -> str:
        """The figures in words: "By SMS 11 of 14 codes came back."."""
        figures = f"{self.during.verified} of {wording.count(self.during.asked_for, 'code')} came back."
        return f"By {self.channel.sentence} {figures}" if self.channel else figures


@dataclass(frozen=True, slots=True)
class Report:
    """A trial, what it changed, how it goes, and the channels that can't go back."""

    trial: Trial
    changes: list[Change]
    progress: list[Progress]
    stuck: list[Channel]

    @property
    def is_due(self) -> bool:
        """Whether its time is up, so that a worker ends it."""
        return self.trial.reverts_at <= clock.now()

    @property
    def is_enough(self) -> bool:
        """Whether it would be kept if its time were up."""
        return all(each.is_enough for each in self.progress)


def get_report(project: ProjectRef) -> Report | None:
    """How the project's trial goes, if it has one."""
    trial = get_trial(project)
    return _report(project, trial) if trial else None


def settle_due() -> None:
    """End the trials whose time is up. One that fails is tried again, and keeps no other waiting."""
    for project, trial in due_trials():
        try:
            _settle(project, trial)
        except DomainError:  # a person or another worker was first, or a notifier was deleted in that very moment
            continue
        except Exception:
            _log.exception("the trial of project %s could not be ended", project.id)


def _settle(project: ProjectRef, trial: Trial) -> None:
    report = _report(project, trial)
    figures = " ".join(str(each) for each in report.progress)
    end, result = (keep_trial, "Kept") if report.is_enough else (revert_trial, "Not kept")
    end(project, principal=Principal.automatic(), expected_version=trial.version, why=f"{result}. {figures}")


def _report(project: ProjectRef, trial: Trial) -> Report:
    former, tried = settings_at(project, trial.reverts_to), settings_at(project, trial.version)
    with reading() as connection:
        progress = [_progress(connection, project, trial, tried, channel) for channel in _judged(former, tried)]
    return Report(trial, differences(former, tried), progress, stuck_channels(project, former, tried))


def _judged(former: Settings, tried: Settings) -> list[Channel] | list[None]:
    """The channels with another notifier, each on its own; without any, all codes together."""
    changed = fields_to(tried, before=former)
    return [channel for channel, name in NOTIFIER_FIELDS.items() if name in changed] or [None]


def _progress(
    connection: Connection, project: ProjectRef, trial: Trial, tried: Settings, channel: Channel | None
) -> Progress:
    is_its = [_delivery.project_id == project.id, _delivery.purpose == Purpose.OTP.value]
    is_its += [_delivery.backend != TEST_BACKEND, *([_delivery.channel == channel.value] if channel else [])]
    during = _delivery.created_at >= trial.started_at, _challenge.settings_version == trial.version
    before = _delivery.created_at > trial.started_at - BEFORE, _delivery.created_at < trial.started_at
    notifier = tried.notifier(channel) if channel else None
    return Progress(
        channel,
        _counts(connection, *is_its, *during, notifier_id=notifier.id if notifier else None),
        _counts(connection, *is_its, *before),
    )


def _counts(connection: Connection, *are_counted: Any, notifier_id: int | None = None) -> Counts:
    """What became of the last codes; only those count as sent and verified that went through this notifier, if any."""
    is_of_code = and_(_challenge.id == _delivery.challenge_id, _challenge.delivery_id == _delivery.id)
    codes = (
        select(_delivery.status, _delivery.notifier_id, _challenge.approved_at)
        .join(table_of(OtpChallenge), is_of_code)
        .where(*are_counted)
        .order_by(_delivery.created_at.desc())
        .limit(MOST)
    )
    rows = connection.execute(codes).all()
    through = [row for row in rows if notifier_id in (None, row.notifier_id)]
    return Counts(
        asked_for=len(rows),
        sent=sum(row.status in ACCEPTED for row in through),
        verified=sum(row.approved_at is not None for row in through),
    )
