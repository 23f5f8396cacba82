"""The filters above the audit trail, as they come in with the address of the page."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import TypeVar

from flask import request
from wtforms import SelectField, StringField
from wtforms.widgets import DateInput

from notifapp.access import Source
from notifapp.audit.queries import Filters
from notifapp.audit.service import Action
from notifapp.errors import ValidationFailed
from notifapp.forms import Form

_SOURCES = [(Source.PAGE.value, "Page"), (Source.API.value, "API"), (Source.CLI.value, "Command line")]

Kind = TypeVar("Kind", bound=StrEnum)


class FilterForm(Form):
    """Everything is optional."""

    action = SelectField("Action", validate_choice=False)
    actor = StringField("Who", render_kw={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"})
    project = StringField(
        "Project's address", render_kw={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
    )
    source = SelectField("From where", validate_choice=False)
    since = StringField("First day", widget=DateInput())
    until = StringField("Last day", widget=DateInput())

    def __init__(self) -> None:
        super().__init__(formdata=request.args)
        self.action.choices = [("", "Every action"), *((action.value, action.label) for action in sorted(Action))]
        self.source.choices = [("", "Everywhere"), *_SOURCES]

    def filters(self) -> Filters:
        """What was asked for. Raise `ValidationFailed` with every field that can't be read."""
        errors: dict[str, list[str]] = {}
        filters = Filters(
            action=_one_of(Action, self.action, errors),
            actor=_text(self.actor).lower(),
            project=_text(self.project),
            source=_one_of(Source, self.source, errors),
            first_day=_day(self.since, errors),
            last_day=_day(self.until, errors),
        )
        if filters.first_day and filters.last_day and filters.first_day > filters.last_day:
            errors["until"] = ["Choose the first day or a later one."]
        if errors:
            raise ValidationFailed(errors)
        return filters


def _text(field: StringField) -> str:
    return (field.data or "").strip()


def _one_of(kind: type[Kind], field: SelectField, errors: dict[str, list[str]]) -> Kind | None:
    try:
        return kind(field.data) if field.data else None
    except ValueError:
        errors[field.name] = ["Choose one from the list."]
        return None


def _day(field: StringField, errors: dict[str, list[str]]) -> date | None:
    try:
        return date.fromisoformat(_text(field)) if _text(field) else None
    except ValueError:
        errors[field.name] = ["Enter a day as YYYY-MM-DD."]
        return None
