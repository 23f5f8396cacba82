"""What a change to the settings or to a notifier in force would do to a project's codes.

Pages ask with this before they save. The API and the command line don't: a program that asks back is no contract.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import ClassVar

from sqlalchemy import func, select

from notifapp.access import ProjectRef
from notifapp.audit.service import Change
from notifapp.channels import Channel
from notifapp.database import reading, table_of
from notifapp.delivery.models import Delivery, DeliveryStatus
from notifapp.health.service import asked_for
from notifapp.notifiers.proving.service import Proof, will_be_proven
from notifapp.notifiers.sending import stored_values
from notifapp.notifiers.service import NotifierDetails
from notifapp.notifiers.values import parse_update
from notifapp.otp.preview.arrivals import Arrivals
from notifapp.otp.preview.clauses import LEAST_DIGITS
from notifapp.otp.preview.service import Preview, get_preview
from notifapp.settings.service import Update, get_policy
from notifapp.settings.values import NotifierRef, Settings
from notifapp.standby.service import get_standby

_delivery = table_of(Delivery).c


@dataclass(frozen=True, slots=True)
class Stopped:
    """No code can be sent on the channel, where so many were asked for in the last day; so many messages are given up.

    `disabled` is the notifier's name if it is disabled, and None if none is chosen any more.
    """

    kind: ClassVar[str] = "stopped"
    channel: Channel
    asked_for: int
    disabled: str | None = None
    given_up: int = 0


@dataclass(frozen=True, slots=True)
class Edited:
    """The channel's codes, so many in the last day, are sent with values that nobody has proven from now on.

    `proven_at` is when the present ones were, if they are. The notifiers of `standby` take over where a value is wrong.
    """

    kind: ClassVar[str] = "edited"
    channel: Channel
    asked_for: int
    changes: Sequence[Change]
    proven_at: datetime | None
    standby: Sequence[NotifierRef]


@dataclass(frozen=True, slots=True)
class Expiring:
    """A lifetime of `ttl` seconds is shorter than most customers need."""

    kind: ClassVar[str] = "expiring"
    ttl: int
    arrivals: Arrivals


@dataclass(frozen=True, slots=True)
class Guessable:
    """Codes have fewer digits than both standards ask for. What that means, and what those in force mean."""

    kind: ClassVar[str] = "guessable"
    saved: Preview
    now: Preview


Consequence = Stopped | Edited | Expiring | Guessable


def of_settings(project: ProjectRef, planned: Update) -> list[Consequence]:
    """What saving these settings would do."""
    before, after = planned.before, planned.after
    return [*_cleared(project, after), *_of_codes(project, before, after)]


def of_disabling(project: ProjectRef, notifier: NotifierDetails) -> list[Consequence]:
    """What disabling this notifier would do."""
    if not _is_sending(project, notifier):
        return []
    asked = asked_for(project, notifier.channel)
    return [Stopped(notifier.channel, asked, notifier.name, _waiting(project, notifier))]


def of_editing(project: ProjectRef, notifier: NotifierDetails, fields: Mapping[str, object]) -> list[Consequence]:
    """What saving these raw values of this notifier would do: nothing to fear where they are proven.

    Another name changes nothing that is sent.

    Raise `ValidationFailed` with every failing field.
    """
    before = stored_values(project, notifier.channel, notifier.id)
    after = parse_update(project, notifier.channel, before, fields)
    changes = before.differences(replace(after, name=before.name))
    if not changes or not _is_sending(project, notifier):
        return []
    if will_be_proven(project, notifier.channel, notifier.id, after):
        return []
    proven_at = notifier.proven_at if notifier.proof is Proof.PROVEN else None
    standby = get_standby(project).standby[notifier.channel]
    return [Edited(notifier.channel, asked_for(project, notifier.channel), changes, proven_at, standby)]


def _cleared(project: ProjectRef, after: Settings) -> list[Consequence]:
    lost = [channel for channel in get_policy(project).usable if after.notifier(channel) is None]
    return [Stopped(channel, asked_for(project, channel)) for channel in lost]


def _of_codes(project: ProjectRef, before: Settings, after: Settings) -> list[Consequence]:
    is_shorter = after.otp_ttl < before.otp_ttl
    is_short = after.otp_code_len != before.otp_code_len and after.otp_code_len < LEAST_DIGITS
    if not is_shorter and not is_short:
        return []
    preview = get_preview(project, code_len=after.otp_code_len, ttl=after.otp_ttl)
    usual = preview.arrivals.percentile_95
    found: list[Consequence] = []
    if is_shorter and usual is not None and after.otp_ttl < usual:
        found.append(Expiring(after.otp_ttl, preview.arrivals))
    if is_short:
        found.append(Guessable(preview, get_preview(project)))
    return found


def _is_sending(project: ProjectRef, notifier: NotifierDetails) -> bool:
    """Whether the channel's codes go through this notifier now."""
    policy = get_policy(project)
    in_force = policy.notifiers.get(notifier.channel)
    return in_force is not None and in_force.id == notifier.id and in_force.is_enabled and not project.archived_at


def _waiting(project: ProjectRef, notifier: NotifierDetails) -> int:
    """How many messages wait to be sent through this notifier."""
    waiting = select(func.count()).where(
        _delivery.project_id == project.id,
        _delivery.status == DeliveryStatus.QUEUED.value,
        _delivery.notifier_id == notifier.id,
    )
    with reading() as connection:
        return int(connection.execute(waiting).scalar_one())
