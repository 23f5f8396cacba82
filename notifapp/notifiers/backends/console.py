"""For development: no gateway at all. The message goes to the log and to the project's outbox page."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from notifapp import clock
from notifapp.database import write_transaction
from notifapp.notifiers.backends.base import Backend, Message, Receipt
from notifapp.notifiers.channels import Channel
from notifapp.notifiers.models import OutboxMessage

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

    def send(self, config: ConsoleConfig, message: Message) -> Receipt:
        """Keep the message in the outbox, in a transaction of its own; the receipt is its row's id."""
        logger.info("%s to %s: %s", message.channel.label, message.recipient, message.body)
        with write_transaction() as session:
            row = OutboxMessage(
                project_id=message.project_id,
                channel=message.channel,
                recipient=message.recipient,
                subject=message.subject or None,
                body=message.body,
                created_at=clock.now(),
            )
            session.add(row)
            session.flush()
            return Receipt(str(row.id))
