"""The form for what a project allows."""

from __future__ import annotations

from typing import Any

from wtforms import BooleanField, SelectField, StringField, TextAreaField

from notifapp.access import ProjectRef
from notifapp.traffic.limit_settings import BREAKER_LABELS, LABELS, country_lines
from notifapp.traffic.limits import TrafficLimits
from notifapp.traffic.models import BOUNDS, DEFAULTS
from notifapp.web.forms import DIGITS, Form


def _number(name: str, description: str = "") -> StringField:
    least, most = BOUNDS[name]
    text = f"{description} {least:,} to {most:,}; the default is {DEFAULTS[name]:,}.".strip()
    return StringField(LABELS[name], description=text, render_kw=DIGITS)


class TrafficLimitsForm(Form):
    """A project's caps, countries, number types and breaker."""

    countries = TextAreaField(
        LABELS["countries"],
        description="One on each line, by name or two-letter code, such as Iran or IR. If you leave this empty, codes "
        "are sent to every country: anybody can ask for codes to expensive numbers abroad, and you pay for them.",
        render_kw={"rows": 4, "autocomplete": "off", "spellcheck": "false"},
    )
    mobile_only = BooleanField(
        LABELS["mobile_only"], description="No codes are sent to premium-rate, satellite, landline and other numbers."
    )
    codes_per_hour = _number("codes_per_hour")
    codes_per_day = _number("codes_per_day")
    token_codes_per_hour = _number("token_codes_per_hour")
    token_codes_per_day = _number("token_codes_per_day")
    client_codes_per_hour = _number("client_codes_per_hour")
    client_codes_per_day = _number("client_codes_per_day")
    breaker = SelectField(LABELS["breaker"], validate_choice=False)
    wrong_percent = _number("wrong_percent", "Of the codes sent in the last 24 hours.")
    wrong_least = _number(
        "wrong_least", "This many wrong codes per hour are always allowed, even if few codes were sent."
    )

    def __init__(self) -> None:
        super().__init__()
        self.breaker.choices = [(choice.value, label) for choice, label in BREAKER_LABELS.items()]

    def show(self, limits: TrafficLimits, project: ProjectRef) -> None:
        """Fill the fields with the limits."""
        for field in self:
            value: Any = getattr(limits, field.name)
            field.data = value if isinstance(value, bool) else str(value)
        self.countries.data = country_lines(limits.countries_of(project))

    def posted(self) -> dict[str, str]:
        """The values as posted."""
        values = {field.name: field.data or "" for field in self}
        return values | {"mobile_only": "on" if self.mobile_only.data else ""}
