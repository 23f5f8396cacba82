"""The forms for the limits and for trying a code."""

from __future__ import annotations

from collections.abc import Sequence

from wtforms import SelectField, StringField

from notifapp.channels import Channel
from notifapp.otp.limits.service import Limits
from notifapp.otp.limits.settings import LABELS, STOP_HOURS_LABEL, STOPS
from notifapp.otp.models import BOUNDS
from notifapp.web.forms import DIGITS, Form, Hints


def _number(name: str, description: str) -> StringField:
    least, most = BOUNDS[name]
    default = getattr(Limits(), name)
    return StringField(
        LABELS[name],
        description=f"{description} {least} to {most}; the default is {default}.",
        render_kw=DIGITS,
    )


class LimitsForm(Form):
    """A project's limits."""

    max_attempts = _number("max_attempts", "After this many wrong codes, the code no longer works.")
    max_failures = _number(
        "max_failures", "After this many wrong codes in a row the recipient is blocked and gets no more codes."
    )
    stop_hours = SelectField(
        STOP_HOURS_LABEL,
        validate_choice=False,
        description="You can unblock recipients below at any time. A change applies to those blocked from then on.",
    )
    resend_seconds = _number("resend_seconds", "To the same recipient.")
    sends_per_hour = _number("sends_per_hour", "To the same recipient.")
    sends_per_day = _number("sends_per_day", "To the same recipient.")

    def __init__(self) -> None:
        super().__init__()
        self.stop_hours.choices = list(STOPS.items())

    def show(self, limits: Limits) -> None:
        """Fill the fields with the limits."""
        for field in self:
            field.data = str(getattr(limits, field.name) or "never")

    def posted(self) -> dict[str, str]:
        """The values as posted."""
        return {field.name: field.data or "" for field in self}


class SendForm(Form):
    """The recipient of the code to try."""

    channel = SelectField("Channel", validate_choice=False)
    recipient = StringField(
        "Phone number or email address",
        [Hints(required=True)],
        description="Use your own: a real message is sent.",
        render_kw={"autocapitalize": "none", "spellcheck": "false"},
    )

    def offer(self, channels: Sequence[Channel]) -> None:
        """Fill the dropdown with the channels by which codes can be sent."""
        self.channel.choices = [(channel.value, channel.label) for channel in channels]


class CodeForm(Form):
    """The code received."""

    code = StringField(
        "Code",
        [Hints(required=True)],
        render_kw={"autocomplete": "one-time-code", "inputmode": "numeric", "autofocus": True},
    )
