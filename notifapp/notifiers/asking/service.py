"""Asks a notifier's gateway, with its credentials, what there is to choose from. Nothing of it is stored or logged."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import BoundedSemaphore
from typing import Any

from notifapp.access import Principal, ProjectRef
from notifapp.access.throttle import Limit, take
from notifapp.channels import Channel
from notifapp.errors import NotFound, Unavailable
from notifapp.notifiers.gateway.base import Backend, SendFailed
from notifapp.notifiers.gateway.network import time_limit
from notifapp.notifiers.gateway.questions import (
    Account,
    Balance,
    ChecksKey,
    Line,
    ListsLines,
    ListsTemplates,
    TellsBalance,
    Template,
)
from notifapp.notifiers.sending import stored_values
from notifapp.notifiers.values import credentials

ASK_SECONDS = 10  # that all questions of a page together may take
AT_ONCE = 2  # of a process's few threads
PER_USER = Limit(30, 15 * 60)
_UNREACHABLE = {"connection", "timeout", "tls", "destination", "address"}
_slots = BoundedSemaphore(AT_ONCE)


@dataclass(slots=True)
class Answers:
    """What a gateway said; None and nothing where it wasn't asked or didn't say. `problems` are in our own words."""

    account: Account | None = None
    balance: Balance | None = None
    lines: list[Line] = field(default_factory=list)
    templates: list[Template] = field(default_factory=list)
    problems: dict[str, list[str]] = field(default_factory=dict)  # what couldn't be answered, by the reason


def can_ask(backend: Backend[Any]) -> bool:
    """Whether there is anything that this backend's gateway can be asked."""
    return isinstance(backend, ChecksKey | TellsBalance | ListsLines | ListsTemplates)


def ask_new(backend: Backend[Any], settings: Mapping[str, object], *, principal: Principal) -> Answers:
    """Ask with the raw settings of a notifier that doesn't exist yet.

    Raise `NotFound` if there is nothing to ask, `ValidationFailed` with the credentials that fail, `TooManyRequests`,
    and `Unavailable` while this process asks as many gateways as it may at once.
    """
    return _ask(backend, credentials(backend, settings), principal)


def ask_stored(
    project: ProjectRef, channel: Channel, notifier_id: int, settings: Mapping[str, object], *, principal: Principal
) -> Answers:
    """Ask with a notifier's settings, which may be unsaved; a blank secret stands for the stored one.

    Raise what `ask_new` raises. As in an update, a stored secret is never sent to a new destination.
    """
    stored = stored_values(project, channel, notifier_id)
    return _ask(stored.backend, credentials(stored.backend, settings, stored), principal)


def _ask(backend: Backend[Any], values: Mapping[str, object], principal: Principal) -> Answers:
    if not can_ask(backend):
        raise NotFound
    with _slot():
        take({f"ask:user:{principal.user_id}": PER_USER})
        return _all_answers(backend, backend.load(values))


@contextmanager
def _slot() -> Iterator[None]:
    if not _slots.acquire(blocking=False):
        raise Unavailable("Other gateways are being asked right now. Try again in a few seconds.")
    try:
        yield
    finally:
        _slots.release()


def _all_answers(backend: Backend[Any], config: Any) -> Answers:
    answers = Answers()
    with time_limit(ASK_SECONDS):
        for name, label, question in _questions(backend):
            try:
                setattr(answers, name, question(config))
            except SendFailed as failed:
                answers.problems.setdefault(str(failed), []).append(label)
                if failed.code in _UNREACHABLE:
                    break
    return answers


def _questions(backend: Backend[Any]) -> Iterator[tuple[str, str, Callable[[Any], object]]]:
    """What this backend's gateway can be asked: the answer's name, what to call it, and the method."""
    if isinstance(backend, ChecksKey):
        yield "account", "Account", backend.check_key
    if isinstance(backend, TellsBalance):
        yield "balance", "Balance", backend.balance
    if isinstance(backend, ListsLines):
        yield "lines", "Lines", backend.lines
    if isinstance(backend, ListsTemplates):
        yield "templates", "Patterns", backend.templates
