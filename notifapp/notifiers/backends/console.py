"""For development: no gateway at all. The message goes to the log and to the project's outbox page."""

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
    """Nothing to set."""


class Console(Backend[ConsoleConfig]):
    """Write the message down where a developer can read it."""

    key = "console"
    label = "Console"
    description = "For development: nothing is sent; messages go to the log and to the outbox page."
    channels = frozenset({Channel.SMS, Channel.EMAIL})
    config = ConsoleConfig
    reaches_people = False

    def send(self, config: ConsoleConfig, message: Message) -> Receipt:
        """Keep the message in the outbox, in a transaction of its own; the receipt is its row's id."""
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
