"""Test messages: sent at once, with values that may be unsaved, and with the gateway's response as the result.

A message that is to prove the values has a code that somebody types back: see notifiers/proving/service.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
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
from notifapp.message_templates.rendering import compose
from notifapp.message_templates.service import get_templates
from notifapp.notifiers.gateway.base import Accepted, Message, SendFailed
from notifapp.notifiers.models import Notifier
from notifapp.notifiers.proving import service as proving
from notifapp.notifiers.proving.service import SentCode
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
    """The result of a test message: the gateway's acceptance or the failure, and the masked recipient.

    `sent_code` is the code to type back, if there was one and it was accepted.
    """

    recipient: str
    outcome: Accepted | SendFailed
    sent_code: SentCode | None = None


@dataclass(frozen=True, slots=True)
class _Test:
    """What to send: a test message, or a code."""

    project: ProjectRef
    channel: Channel
    values: NotifierValues
    address: str = field(repr=False)
    notifier_id: int | None
    code: str | None = field(repr=False)

    @property
    def masked(self) -> str:
        """The recipient as it may be stored."""
        return mask(self.channel, self.address)


def test_new_notifier(
    project: ProjectRef,
    channel: Channel,
    fields: Mapping[str, object],
    recipient: str,
    *,
    principal: Principal,
    with_code: bool,
) -> TestResult:
    """Send a test message through a notifier that doesn't exist yet, from the fields that would create it.

    `with_code` sends a code that proves them instead. Raise `ValidationFailed` with every failing field, including
    `recipient`, `TooManyRequests`, and `Unavailable` while this process sends as many tests as it may at once.
    """
    values, address = _checked(lambda: parse_new(project, channel, fields), project, channel, recipient)
    return _test(_Test(project, channel, values, address, None, _code(with_code)), principal)


def test_stored_notifier(
    project: ProjectRef,
    channel: Channel,
    notifier_id: int,
    fields: Mapping[str, object],
    recipient: str,
    *,
    principal: Principal,
    with_code: bool,
) -> TestResult:
    """Send a test message through a notifier with unsaved changes; a blank secret stands for the stored one.

    Raise `NotFound` and what `test_new_notifier` raises. As in an update, a stored secret is never sent to a new
    destination.
    """
    before = stored_values(project, channel, notifier_id)
    values, address = _checked(lambda: parse_update(project, channel, before, fields), project, channel, recipient)
    return _test(_Test(project, channel, values, address, notifier_id, _code(with_code)), principal)


def _code(with_code: bool) -> str | None:
    return proving.new_code() if with_code else None


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


def _test(test: _Test, principal: Principal) -> TestResult:
    with _slot():
        project = test.project
        take({f"test:user:{principal.user_id}": PER_USER, f"test:project:{project.id}": PER_PROJECT})
        started_at = clock.now()
        outcome = _send(test)
        return TestResult(test.masked, outcome, _record(test, started_at, outcome, principal))


@contextmanager
def _slot() -> Iterator[None]:
    """One of the few tests at once. Raise `Unavailable` if there is none left."""
    if not _slots.acquire(blocking=False):
        raise Unavailable("Other test messages are being sent right now. Try again in a few seconds.")
    try:
        yield
    finally:
        _slots.release()


def _send(test: _Test) -> Accepted | SendFailed:
    values = test.values
    try:
        return send_with(values.backend.key, {**values.settings, **values.secrets}, _message(test))
    except SendFailed as failed:
        return failed


def _message(test: _Test) -> Message:
    """A message that says that it is a test; or a code in the words that customers get."""
    project, channel = test.project, test.channel
    if test.code is None:
        subject, body = f"Test message of {project.name}", f"This is a test message of {project.name}."
        variables = {**_VARIABLES, "project": project.name}
    else:
        ttl = int(proving.LIFETIME.total_seconds())
        template = get_templates(project.id)[channel]
        words = compose(template, code=test.code, ttl=ttl, project_name=project.name)
        subject, body, variables = words.subject, words.body, words.variables
    return Message(
        project_id=project.id,
        channel=channel,
        recipient=test.address,
        subject=subject if channel is Channel.EMAIL else "",
        body=body,
        variables=variables,
        expires_at=None if test.code is None else clock.now() + proving.LIFETIME,
    )


def _record(test: _Test, started_at: datetime, outcome: Accepted | SendFailed, principal: Principal) -> SentCode | None:
    """Record the message, and keep its code if it was accepted."""
    of_notifier = {"backend": test.values.backend.key, "channel": test.channel.value, "recipient": test.masked}
    detail: dict[str, object] = {"id": test.notifier_id, **of_notifier}
    if isinstance(outcome, SendFailed):
        detail |= {"result": "failed", "code": outcome.code, "reason": outcome.reason}
    else:
        detail |= {"result": "sent"}
    about = {
        **of_notifier,
        "project_id": test.project.id,
        "notifier_id": _if_still_there(test.notifier_id),
        "notifier_name": test.values.name,
        "created_at": started_at,
        "started_at": started_at,
    }
    with writing() as connection:
        record_test(connection, about, outcome)
        record(
            connection,
            Action.TEST_SENT,
            principal=principal,
            project_id=test.project.id,
            subject=test.values.name,
            detail=detail,
        )
        if test.code is None or isinstance(outcome, SendFailed):
            return None
        return proving.keep_code(connection, test.project, test.channel, test.values, test.code)


def _if_still_there(notifier_id: int | None) -> ScalarSelect[int] | None:
    """The notifier's id for the row; null if it has been deleted meanwhile."""
    return None if notifier_id is None else select(Notifier.id).where(Notifier.id == notifier_id).scalar_subquery()
