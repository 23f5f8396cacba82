"""For development: messages go only to the log and the project's outbox page."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from sqlalchemy import insert

from notifapp import clock
from notifapp.channels import Channel
from notifapp.database import table_of, writing
from notifapp.notifiers.gateway.base import Backend, Message, Receipt
from notifapp.notifiers.models import OutboxMessage

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

    def send(self, config: ConsoleConfig, message: Message) -> Receipt:
        """Store the message in the outbox, in a separate transaction; the receipt is its row's id."""
        logger.info("%s to %s: %s", message.channel.label, message.recipient, message.body)
        with writing() as connection:
            row_id = connection.execute(
                insert(_outbox)
                .values(
                    project_id=message.project_id,
                    channel=message.channel.value,
                    recipient=message.recipient,
                    subject=message.subject or None,
                    body=message.body,
                    created_at=clock.now(),
                )
                .returning(_outbox.c.id)
            ).scalar_one()
        return Receipt(str(row_id))
