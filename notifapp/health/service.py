"""What became of a project's codes lately: all that its staff need to see first."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Select, and_, case, func, select, union_all

from notifapp import clock
from notifapp.access import ProjectRef
from notifapp.channels import Channel
from notifapp.database import reading, table_of
from notifapp.delivery.heartbeat import is_worker_running
from notifapp.delivery.models import ACCEPTED, TEST_BACKEND, Delivery, DeliveryStatus, Purpose
from notifapp.otp.models import OtpChallenge
from notifapp.settings.service import Policy

DAY = timedelta(days=1)
FAILURES_WITHIN = timedelta(hours=1)
FAILURES_SHOWN = 3  # the most frequent reasons
LATE_AFTER = timedelta(seconds=15)  # that a message has waited; a worker that runs takes far less

_delivery, _challenge = table_of(Delivery).c, table_of(OtpChallenge).c
_WAITING = (DeliveryStatus.QUEUED.value, DeliveryStatus.SENDING.value)
# Test recipients tell nothing of how sending goes.
_IS_REAL, _IS_FOR_SOMEBODY = _delivery.backend != TEST_BACKEND, _challenge.unsettled > 0


@dataclass(frozen=True, slots=True)
class Failure:
    """Why messages failed, and how many; one that will be tried again counts too.

    Notifier and reason are shown only to those who may see the channel's deliveries.
    """

    channel: Channel
    notifier: str | None
    reason: str | None
    count: int


@dataclass(frozen=True, slots=True)
class Sending:
    """When a code was last accepted by a gateway and last verified, what failed, and what still waits."""

    is_worker_running: bool
    last_sent_at: datetime | None
    last_verified_at: datetime | None
    waiting_since: datetime | None
    failures: list[Failure]

    @property
    def is_late(self) -> bool:
        """Whether a message has waited for longer than it should."""
        return self.waiting_since is not None and clock.now() - self.waiting_since > LATE_AFTER

    @property
    def is_in_trouble(self) -> bool:
        """Whether anybody should look into it."""
        return self.is_late or bool(self.failures) or not self.is_worker_running


class Problem(StrEnum):
    """Why nothing reaches people on a channel."""

    NOTHING_CHOSEN = "nothing chosen"
    DISABLED = "disabled"
    DEVELOPMENT_ONLY = "development only"


@dataclass(frozen=True, slots=True)
class ChannelWarning:
    """A channel that reaches nobody, its notifier in force, and how many codes were asked for in the last day."""

    channel: Channel
    problem: Problem
    notifier: str | None = None
    asked_for: int = 0


def warnings(project: ProjectRef, policy: Policy) -> list[ChannelWarning]:
    """The channels on which these settings reach nobody. One without a notifier counts if it was used lately."""
    found = []
    for channel in Channel:
        notifier = policy.notifiers.get(channel)
        if notifier is None:
            if count := asked_for(project, channel):
                found.append(ChannelWarning(channel, Problem.NOTHING_CHOSEN, asked_for=count))
        elif not notifier.is_enabled:
            found.append(ChannelWarning(channel, Problem.DISABLED, notifier.name))
        elif not notifier.reaches_people:
            found.append(ChannelWarning(channel, Problem.DEVELOPMENT_ONLY, notifier.name))
    return found


def asked_for(project: ProjectRef, channel: Channel) -> int:
    """How many codes were asked for on this channel in the last 24 hours."""
    statement = select(func.count()).where(
        _delivery.project_id == project.id,
        _delivery.created_at > clock.now() - DAY,
        _delivery.channel == channel.value,
        _delivery.purpose == Purpose.OTP.value,
        _IS_REAL,
    )
    with reading() as connection:
        return int(connection.execute(statement).scalar_one())


def sending(project: ProjectRef, visible: Collection[Channel]) -> Sending:
    """How sending goes in this project now; of channels that are not `visible`, only how many messages failed."""
    with reading() as connection:
        last = connection.execute(_last(project)).one()
        failures = connection.execute(_failures(project, visible)).all()
    return Sending(
        is_worker_running=is_worker_running(),
        last_sent_at=last.sent_at,
        last_verified_at=last.verified_at,
        waiting_since=last.waiting_since,
        failures=[Failure(Channel(row.channel), row.notifier, row.reason, row.failed) for row in failures],
    )


def _last(project: ProjectRef) -> Select[*tuple[Any, ...]]:
    in_project = and_(_delivery.project_id == project.id, _IS_REAL)
    # The last of each status, by its index: sorting all of them together would read every row.
    sent_by_status = [
        select(_delivery.created_at)
        .where(in_project, _delivery.status == status.value, _delivery.purpose == Purpose.OTP.value)
        .order_by(_delivery.created_at.desc())
        .limit(1)
        .subquery()
        for status in ACCEPTED
    ]
    all_sent = union_all(*(select(each.c.created_at) for each in sent_by_status)).subquery()
    sent = select(func.max(all_sent.c.created_at))
    is_verified = _challenge.project_id == project.id, _challenge.approved_at.is_not(None), _IS_FOR_SOMEBODY
    verified = select(_challenge.approved_at).where(*is_verified).order_by(_challenge.approved_at.desc()).limit(1)
    waiting = select(func.min(_delivery.created_at)).where(in_project, _delivery.status.in_(_WAITING))
    return select(
        sent.scalar_subquery().label("sent_at"),
        verified.scalar_subquery().label("verified_at"),
        waiting.scalar_subquery().label("waiting_since"),
    )


def _failures(project: ProjectRef, visible: Collection[Channel]) -> Select[*tuple[Any, ...]]:
    is_visible = _delivery.channel.in_([channel.value for channel in visible])
    notifier = case((is_visible, _delivery.notifier_name)).label("notifier")
    reason = case((is_visible, _delivery.error_reason)).label("reason")
    count = func.count().label("failed")
    return (
        select(_delivery.channel, notifier, reason, count)
        .where(
            _delivery.project_id == project.id,
            _delivery.created_at > clock.now() - FAILURES_WITHIN,
            _delivery.status != DeliveryStatus.SENT.value,
            _delivery.error_reason.is_not(None),
            _IS_REAL,
        )
        .group_by(_delivery.channel, notifier, reason)
        .order_by(count.desc())
        .limit(FAILURES_SHOWN)
    )
