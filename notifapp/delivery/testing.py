"""Test messages: sent at once, with values that may be unsaved, and with the gateway's response as the result."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from threading import BoundedSemaphore

from sqlalchemy import ScalarSelect, select

from notifapp import clock
from notifapp.access import Principal, ProjectRef
from notifapp.access.throttle import Limit, take
from notifapp.audit.service import Action, record
from notifapp.channels import Channel
from notifapp.database import writing
from notifapp.delivery.service import record_test
from notifapp.errors import Unavailable, ValidationFailed
from notifapp.notifiers.gateway.base import Accepted, Message, SendFailed
from notifapp.notifiers.models import Notifier
from notifapp.notifiers.sending import send_with, stored_values
from notifapp.notifiers.values import NotifierValues, parse_new, parse_update
from notifapp.recipients import mask, normalise

AT_ONCE = 2  # of a process's few threads: a silent gateway holds one for half a minute
PER_USER = Limit(10, 15 * 60)
PER_PROJECT = Limit(30, 15 * 60)
# Values for a gateway's pattern; they look like a code but aren't one.
_VARIABLES = {"code": "00000", "minutes": "2", "validity": "2 minutes"}
_slots = BoundedSemaphore(AT_ONCE)


@dataclass(frozen=True, slots=True)
class TestResult:
    """The result of a test message: the gateway's acceptance or the failure, and the masked recipient."""

    recipient: str
    outcome: Accepted | SendFailed


def test_new_notifier(
    project: ProjectRef, channel: Channel, fields: Mapping[str, object], recipient: str, *, principal: Principal
) -> TestResult:
    """Send a test message through a notifier that doesn't exist yet, from the fields that would create it.

    Raise `ValidationFailed` with every failing field, including `recipient`, `TooManyRequests`, and `Unavailable` while
    this process sends as many tests as it may at once.
    """
    values, address = _checked(lambda: parse_new(project, channel, fields), project, channel, recipient)
    return _test(project, channel, values, address, None, principal)


def test_stored_notifier(
    project: ProjectRef,
    channel: Channel,
    notifier_id: int,
    fields: Mapping[str, object],
    recipient: str,
    *,
    principal: Principal,
) -> TestResult:
    """Send a test message through a notifier with unsaved changes; a blank secret stands for the stored one.

    Raise `NotFound` and what `test_new_notifier` raises. As in an update, a stored secret is never sent to a new
    destination.
    """
    before = stored_values(project, channel, notifier_id)
    values, address = _checked(lambda: parse_update(project, channel, before, fields), project, channel, recipient)
    return _test(project, channel, values, address, notifier_id, principal)


def _checked(
    parse: Callable[[], NotifierValues], project: ProjectRef, channel: Channel, recipient: str
) -> tuple[NotifierValues, str]:
    """The parsed values and the normalised recipient. Raise `ValidationFailed` with the errors of both."""
    errors: dict[str, list[str]] = {}
    address = ""
    try:
        address = normalise(channel, recipient, phone_region=project.phone_region)
    except ValidationFailed as failed:
        errors.update(failed.errors)
    try:
        values = parse()
    except ValidationFailed as failed:
        raise ValidationFailed({**failed.errors, **errors}) from None
    if errors:
        raise ValidationFailed(errors)
    return values, address


def _test(
    project: ProjectRef,
    channel: Channel,
    values: NotifierValues,
    address: str,
    notifier_id: int | None,
    principal: Principal,
) -> TestResult:
    with _slot():
        return _test_now(project, channel, values, address, notifier_id, principal)


def _test_now(
    project: ProjectRef,
    channel: Channel,
    values: NotifierValues,
    address: str,
    notifier_id: int | None,
    principal: Principal,
) -> TestResult:
    take({f"test:user:{principal.user_id}": PER_USER, f"test:project:{project.id}": PER_PROJECT})
    started_at = clock.now()
    outcome = _send(project, channel, values, address)
    about = {
        "project_id": project.id,
        "notifier_id": _if_still_there(notifier_id),
        "notifier_name": values.name,
        "backend": values.backend.key,
        "channel": channel.value,
        "recipient": mask(channel, address),
        "created_at": started_at,
        "started_at": started_at,
    }
    _record(project, about, outcome, notifier_id, principal)
    return TestResult(mask(channel, address), outcome)


@contextmanager
def _slot() -> Iterator[None]:
    """One of the few tests at once. Raise `Unavailable` if there is none left."""
    if not _slots.acquire(blocking=False):
        raise Unavailable("Other test messages are being sent right now. Try again in a few seconds.")
    try:
        yield
    finally:
        _slots.release()


def _if_still_there(notifier_id: int | None) -> ScalarSelect[int] | None:
    """The notifier's id for the row; null if it has been deleted meanwhile."""
    return None if notifier_id is None else select(Notifier.id).where(Notifier.id == notifier_id).scalar_subquery()


def _send(project: ProjectRef, channel: Channel, values: NotifierValues, address: str) -> Accepted | SendFailed:
    message = Message(
        project_id=project.id,
        channel=channel,
        recipient=address,
        subject=f"Test message of {project.name}" if channel is Channel.EMAIL else "",
        body=f"This is a test message of {project.name}.",
        variables={**_VARIABLES, "project": project.name},
    )
    try:
        return send_with(values.backend.key, {**values.settings, **values.secrets}, message)
    except SendFailed as failed:
        return failed


def _record(
    project: ProjectRef,
    about: Mapping[str, object],
    outcome: Accepted | SendFailed,
    notifier_id: int | None,
    principal: Principal,
) -> None:
    detail = {"id": notifier_id, **{key: about[key] for key in ("backend", "channel", "recipient")}}
    if isinstance(outcome, SendFailed):
        detail |= {"result": "failed", "code": outcome.code, "reason": outcome.reason}
    else:
        detail |= {"result": "sent"}
    with writing() as connection:
        record_test(connection, about, outcome)
        record(
            connection,
            Action.TEST_SENT,
            principal=principal,
            project_id=project.id,
            subject=str(about["notifier_name"]),
            detail=detail,
        )
