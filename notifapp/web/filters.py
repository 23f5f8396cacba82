"""Filters above a list, as they come in with the address of its page."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Any, TypeVar

from flask import request
from wtforms import SelectField, StringField
from wtforms.widgets import DateInput

from notifapp.inputs import FieldErrors
from notifapp.web.forms import Form

Kind = TypeVar("Kind", bound=StrEnum)

AS_TYPED = {"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}


class FilterForm(Form):
    """The base of every form of filters. Each field is optional."""

    def __init__(self) -> None:
        super().__init__(formdata=request.args)

    def chosen(self, name: str, kind: type[Kind], errors: FieldErrors) -> Kind | None:
        """What was chosen from a closed list."""
        field = self[name]
        with errors.of(name):
            try:
                return kind(field.data) if field.data else None
            except ValueError:
                raise ValueError("Choose one from the list.") from None
        return None

    def typed(self, name: str) -> str:
        """What was typed, without outer blanks."""
        return (self[name].data or "").strip()


class DatedFilterForm(FilterForm):
    """Filters with a first and a last day, both included, in UTC."""

    since = StringField("First day", widget=DateInput())
    until = StringField("Last day", widget=DateInput())

    def days(self, errors: FieldErrors) -> tuple[date | None, date | None]:
        """The first and the last day, where they were given."""
        first, last = self._day("since", errors), self._day("until", errors)
        if first and last and first > last:
            errors.messages["until"] = ["Choose the first day or a later one."]
        return first, last

    def _day(self, name: str, errors: FieldErrors) -> date | None:
        text = self.typed(name)
        with errors.of(name):
            try:
                return date.fromisoformat(text) if text else None
            except ValueError:
                raise ValueError("Enter a day as YYYY-MM-DD.") from None
        return None


def offer(field: SelectField, every: str, choices: Any) -> None:
    """Fill a dropdown: `every` stands for no filter, `choices` are pairs of value and label."""
    field.choices = [("", every), *choices]
