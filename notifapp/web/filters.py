"""Filters of a list, read from the query string."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from flask import request
from wtforms import SelectField, StringField
from wtforms.widgets import DateInput

from notifapp import clock
from notifapp.web.forms import Form
from notifapp.web.times import time_zone

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


class Range(StrEnum):
    """A time that a list can be narrowed to."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    DAYS = "days"


_LENGTHS = {Range.HOUR: timedelta(hours=1), Range.DAY: timedelta(days=1), Range.WEEK: timedelta(days=7)}
_RANGES = {Range.HOUR: "Last hour", Range.DAY: "Last 24 hours", Range.WEEK: "Last 7 days", Range.DAYS: "Chosen days"}


class DatedFilterForm(FilterForm):
    """Filters with a range of time: the last hours or days, or a first and a last day, both inclusive.

    Days are those of the person's time zone. Without a chosen range they are the range.
    """

    range = SelectField("Time", validate_choice=False)
    since = StringField("First day", widget=DateInput())
    until = StringField("Last day", widget=DateInput())

    def __init__(self) -> None:
        super().__init__()
        offer(self.range, "Any time", ((chosen.value, label) for chosen, label in _RANGES.items()))
        if not self.typed("range") and (self.typed("since") or self.typed("until")):
            self.range.data = Range.DAYS.value

    def period(self) -> tuple[datetime | None, datetime | None]:
        """The first and the last moment, where they are limited."""
        chosen = self.chosen("range", Range)
        if chosen in _LENGTHS:
            return clock.now() - _LENGTHS[chosen], None
        if chosen is None:
            return None, None
        first, last = self._moment("since", clock.start_of), self._moment("until", clock.end_of)
        if first and last and first > last:
            self.until.errors = ["Choose the first day or a later one."]
        return first, last

    def _moment(self, name: str, of_day: Callable[[date, ZoneInfo], datetime]) -> datetime | None:
        def parse(text: str) -> datetime:
            try:
                return of_day(date.fromisoformat(text), time_zone())
            except OverflowError as error:
                raise ValueError from error

        return self._read(name, self.typed(name), parse, "Enter a day as YYYY-MM-DD.")


def offer(field: SelectField, every: str, choices: Any) -> None:
    """Fill a dropdown: `every` is the label for no filter, `choices` are pairs of value and label."""
    field.choices = [("", every), *choices]
