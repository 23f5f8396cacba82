"""For development: messages go only to the log and the project's outbox page, for people who may read notifiers.

It is there only with `NOTIFAPP_DEBUG` or `NOTIFAPP_CONSOLE_BACKEND`: staff who switched to it could read live codes.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta

from flask import current_app
from sqlalchemy import delete, select

from notifapp import clock, recipients
from notifapp.channels import Channel
from notifapp.database import insert_sealed, reading, table_of, writing
from notifapp.notifiers.gateway.base import Accepted, Backend, Message, SendFailed
from notifapp.notifiers.models import OutboxMessage

KEPT_FOR = timedelta(days=1)

_outbox = table_of(OutboxMessage)
logger = logging.getLogger("notifapp.console")


@dataclass(frozen=True, kw_only=True)
class ConsoleConfig:
    """It has no settings."""


class Console(Backend[ConsoleConfig]):
    """Keeps messages where a developer can read them."""

    key = "console"
    label = "Console"
    description = "For development: nothing is sent; messages go to the log and to the outbox page."
    channels = frozenset({Channel.SMS, Channel.EMAIL})
    config = ConsoleConfig
    reaches_people = False

    def send(self, config: ConsoleConfig, message: Message) -> Accepted:
        """Store the message in the outbox, in a separate transaction; its id is its row's."""
        logger.info("%s to %s: %s", message.channel.label, *_logged(message))
        with writing() as connection:
            values = {
                "project_id": message.project_id,
                "channel": message.channel.value,
                "recipient": message.recipient,
                "subject": message.subject or None,
                "body": message.body,
                "created_at": clock.now(),
            }
            kept = insert_sealed(connection, _outbox, values)
        return Accepted(str(kept.id))


class ConsoleOff(Backend[ConsoleConfig]):
    """The placeholder for a stored console notifier where the backend is switched off. It can only be shown."""

    key = Console.key
    label = "Console (switched off)"
    description = (
        "The console is for development and is switched off on this server, so this notifier counts as disabled. "
        "NOTIFAPP_CONSOLE_BACKEND=1 switches it on."
    )
    channels: frozenset[Channel] = frozenset()
    config = ConsoleConfig
    reaches_people = False
    is_available = False

    def send(self, config: ConsoleConfig, message: Message) -> Accepted:
        """Raise `SendFailed`."""
        raise SendFailed("The console backend is switched off on this server.", code="backend", retryable=False)


def is_console_on() -> bool:
    """Whether the backend is there; also outside an app, as when the API is described."""
    return not current_app or bool(current_app.config["NOTIFAPP"].console_backend)


def erase_outbox() -> None:
    """Erase the messages of more than a day ago: they hold codes and addresses."""
    old = _outbox.c.created_at < clock.now() - KEPT_FOR
    with reading() as connection:
        if connection.execute(select(_outbox.c.id).where(old).limit(1)).first() is None:
            return
    with writing() as connection:
        connection.execute(delete(_outbox).where(old))


def _logged(message: Message) -> tuple[str, str]:
    """The recipient and the text for the log: as they are only while debugging, else masked."""
    if current_app.config["NOTIFAPP"].debug:
        return message.recipient, message.body
    code = message.variables.get("code", "")
    body = message.body.replace(code, "•" * len(code)) if code else message.body
    return recipients.mask(message.channel, message.recipient), body
