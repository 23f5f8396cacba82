"""The form of standby notifiers, which renders a dropdown for each position and shows the service's errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from wtforms import FieldList, SelectField, StringField

from notifapp.channels import Channel
from notifapp.settings.service import Choice
from notifapp.settings.values import Standby
from notifapp.standby.models import MOST
from notifapp.web.revisions import VersionedForm

_ORDINALS = ("First", "Second", "Third")


class StandbyForm(VersionedForm):
    """Each channel's notifiers in their order, a reason, and the version that was shown."""

    sms = FieldList(SelectField(validate_choice=False), "SMS standby", min_entries=MOST, max_entries=MOST)
    email = FieldList(SelectField(validate_choice=False), "Email standby", min_entries=MOST, max_entries=MOST)
    reason = StringField("Reason", description="Optional. It is shown in the history.")

    def offer(self, choices: Mapping[Channel, Sequence[Choice]]) -> None:
        """Fill the dropdowns."""
        for channel in Channel:
            for number, field in enumerate(self[channel.value]):
                field.label.text = f"{_ORDINALS[number]} {channel.sentence} standby"
                field.choices = [("", "None"), *((str(choice.id), choice.label) for choice in choices[channel])]

    def show(self, standby: Standby, version: int) -> None:
        """Choose these, of a version of the settings."""
        self.version.data = str(version)
        for channel, notifiers in standby.items():
            ids = [str(notifier.id) for notifier in notifiers]
            for number, field in enumerate(self[channel.value]):
                field.data = ids[number] if number < len(ids) else ""

    def posted(self) -> dict[str, list[object]]:
        """The chosen ids of each channel, without the positions that were left empty."""
        return {channel.value: [_id(field.data) for field in self[channel.value] if field.data] for channel in Channel}


def _id(text: str) -> object:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else text
