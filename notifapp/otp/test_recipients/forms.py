"""The form for a test recipient."""

from __future__ import annotations

from wtforms import SelectField, StringField
from wtforms.widgets import DateInput

from notifapp.delivery.models import FixedOutcome
from notifapp.settings.models import MAX_OTP_CODE_LEN, MIN_OTP_CODE_LEN
from notifapp.web.forms import AS_TYPED, DIGITS, Form, Hints

_WHAT_HAPPENS = {
    FixedOutcome.DELIVERED: "The message counts as sent at once",
    FixedOutcome.SLOW: "It counts as sent when half of the code's lifetime is over",
    FixedOutcome.REFUSED: "The gateway refuses it",
    FixedOutcome.UNDELIVERED: "The gateway takes it, and the carrier can't deliver it",
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
        description=f"{MIN_OTP_CODE_LEN} to {MAX_OTP_CODE_LEN} digits. It stays the same, so choose a long one that "
        "nobody guesses if your app takes it.",
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
        self.outcome.choices = [(it.value, f"{it.label}: {_WHAT_HAPPENS[it]}") for it in FixedOutcome]

    def posted(self) -> dict[str, str]:
        """The values as posted."""
        return {field.name: field.data or "" for field in self}
