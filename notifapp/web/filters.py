"""Filters of a list, read from the query string."""

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
    """The base of all filter forms. Every field is optional."""

    def __init__(self) -> None:
        super().__init__(formdata=request.args)

    def chosen(self, name: str, kind: type[Kind], errors: FieldErrors) -> Kind | None:
        """The chosen member of `kind`, or None; an unknown one becomes an error of the field."""
        field = self[name]
        with errors.of(name):
            try:
                return kind(field.data) if field.data else None
            except ValueError:
                raise ValueError("Choose one from the list.") from None
        return None

    def typed(self, name: str) -> str:
        """The text that was typed, stripped."""
        return (self[name].data or "").strip()


class DatedFilterForm(FilterForm):
    """Filters with a first and a last day, both inclusive, in UTC."""

    since = StringField("First day", widget=DateInput())
    until = StringField("Last day", widget=DateInput())

    def days(self, errors: FieldErrors) -> tuple[date | None, date | None]:
        """The first and the last day, if given."""
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
    """Fill a dropdown: `every` is the label for no filter, `choices` are pairs of value and label."""
    field.choices = [("", every), *choices]
