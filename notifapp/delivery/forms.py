"""The filters above the deliveries, as they come in with the address of the page."""

from __future__ import annotations

from datetime import date

from flask import request
from wtforms import SelectField, StringField
from wtforms.widgets import DateInput

from notifapp.delivery.queries import STATUSES, Filters
from notifapp.errors import ValidationFailed
from notifapp.forms import Form
from notifapp.notifiers.channels import Channel


class FilterForm(Form):
    """Everything is optional."""

    status = SelectField("Status", validate_choice=False)
    channel = SelectField("Channel", validate_choice=False)
    notifier = SelectField("Notifier", validate_choice=False)
    since = StringField("First day", widget=DateInput())
    until = StringField("Last day", widget=DateInput())

    def __init__(self, notifiers: list[str]) -> None:
        super().__init__(formdata=request.args)
        self.status.choices = [("", "Every status"), *((status, status.capitalize()) for status in STATUSES)]
        self.channel.choices = [("", "Both channels"), *((channel.value, channel.label) for channel in Channel)]
        self.notifier.choices = [("", "Every notifier"), *((name, name) for name in notifiers)]

    def filters(self) -> Filters:
        """What was asked for. Raise `ValidationFailed` with every field that can't be read."""
        errors: dict[str, list[str]] = {}
        for field, known in ((self.status, STATUSES), (self.channel, tuple(Channel))):
            if field.data and field.data not in known:
                errors[field.name] = ["Choose one from the list."]
        first, last = _day(self.since, errors), _day(self.until, errors)
        if first and last and first > last:
            errors["until"] = ["Choose the first day or a later one."]
        if errors:
            raise ValidationFailed(errors)
        channel = Channel(self.channel.data) if self.channel.data else None
        return Filters(self.status.data or "", channel, self.notifier.data or "", first, last)


def _day(field: StringField, errors: dict[str, list[str]]) -> date | None:
    text = (field.data or "").strip()
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        errors[field.name] = ["Enter a day as YYYY-MM-DD."]
        return None
