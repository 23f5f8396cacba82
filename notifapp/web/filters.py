"""Filters of a list, read from the query string."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from enum import StrEnum
from typing import Any, TypeVar

from flask import request
from wtforms import SelectField, StringField
from wtforms.widgets import DateInput

from notifapp.web.forms import Form

Kind = TypeVar("Kind", bound=StrEnum)
Value = TypeVar("Value")


class FilterForm(Form):
    """The base of every form of filters. Each field is optional; one that can't be read has errors from then on."""

    def __init__(self) -> None:
        super().__init__(formdata=request.args)

    @property
    def is_filtered(self) -> bool:
        """Whether anything was chosen or typed."""
        return any(self.typed(field.name) for field in self)

    def chosen(self, name: str, kind: type[Kind]) -> Kind | None:
        """What was chosen from a closed list."""
        return self._read(name, self[name].data, kind, "Choose one from the list.")

    def typed(self, name: str) -> str:
        """The text that was typed, stripped."""
        return (self[name].data or "").strip()

    def _read(self, name: str, text: str | None, parse: Callable[[str], Value], message: str) -> Value | None:
        try:
            return parse(text) if text else None
        except ValueError:
            self[name].errors = [message]
            return None


class DatedFilterForm(FilterForm):
    """Filters with a first and a last day, both inclusive, in UTC."""

    since = StringField("First day", widget=DateInput())
    until = StringField("Last day", widget=DateInput())

    def days(self) -> tuple[date | None, date | None]:
        """The first and the last day, where they were given."""
        first, last = self._day("since"), self._day("until")
        if first and last and first > last:
            self.until.errors = ["Choose the first day or a later one."]
        return first, last

    def _day(self, name: str) -> date | None:
        return self._read(name, self.typed(name), date.fromisoformat, "Enter a day as YYYY-MM-DD.")


def offer(field: SelectField, every: str, choices: Any) -> None:
    """Fill a dropdown: `every` is the label for no filter, `choices` are pairs of value and label."""
    field.choices = [("", every), *choices]
