"""The form for a test recipient."""

from __future__ import annotations

from wtforms import SelectField, StringField
from wtforms.widgets import DateInput

from notifapp.delivery.models import FixedOutcome
from notifapp.settings.models import MAX_OTP_CODE_LEN, MIN_OTP_CODE_LEN
from notifapp.web.forms import AS_TYPED, DIGITS, Form, Hints

_CHOICES = {
    FixedOutcome.DELIVERED: "Delivered at once",
    FixedOutcome.SLOW: "Slow: after half of the code's lifetime",
    FixedOutcome.REFUSED: "Refused by the gateway",
    FixedOutcome.UNDELIVERED: "Not delivered by the carrier",
}


class TestRecipientForm(Form):
    """A new test recipient."""

    recipient = StringField(
        "Phone number or email address",
        [Hints(required=True)],
        description="Nothing is sent to it as long as it is on the list. Use one that belongs to nobody, or to you.",
        render_kw=AS_TYPED,
    )
    code = StringField(
        "Code",
        [Hints(required=True)],
        description=f"{MIN_OTP_CODE_LEN} to {MAX_OTP_CODE_LEN} digits. It never changes, so make it hard to guess: "
        "as long as your app accepts.",
        render_kw=DIGITS,
    )
    outcome = SelectField("What becomes of the message", validate_choice=False)
    ends_on = StringField(
        "Last day",
        [Hints(required=True)],
        widget=DateInput(),
        description="From the next day on it gets real codes. A year at most.",
    )

    def __init__(self) -> None:
        super().__init__()
        self.outcome.choices = [(outcome.value, label) for outcome, label in _CHOICES.items()]

    def posted(self) -> dict[str, str]:
        """The values as posted."""
        return {field.name: field.data or "" for field in self}
