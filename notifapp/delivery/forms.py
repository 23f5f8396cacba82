"""The filter form of the deliveries."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from wtforms import SelectField

from notifapp.channels import Channel
from notifapp.delivery.models import DeliveryStatus
from notifapp.delivery.queries import Filters
from notifapp.web.filters import DatedFilterForm, offer


class DeliveryFilterForm(DatedFilterForm):
    """The filters of the list."""

    status = SelectField("Status", validate_choice=False)
    channel = SelectField("Channel", validate_choice=False)
    notifier = SelectField("Notifier", validate_choice=False)

    def __init__(self, channels: Collection[Channel], notifiers: Sequence[str]) -> None:
        super().__init__()
        offer(self.status, "Every status", ((status.value, status.label) for status in DeliveryStatus))
        offer(self.channel, "Both channels", ((channel.value, channel.label) for channel in channels))
        if len(channels) < len(Channel):
            del self.channel  # there is nothing to choose
        offer(self.notifier, "Every notifier", ((name, name) for name in notifiers))

    def filters(self) -> Filters:
        """The filters as entered."""
        since, until = self.period()
        return Filters(
            status=self.chosen("status", DeliveryStatus),
            channel=self.chosen("channel", Channel) if self.channel else None,
            notifier=self.typed("notifier"),
            since=since,
            until=until,
        )
