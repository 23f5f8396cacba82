"""The form that says who is told."""

from __future__ import annotations

from wtforms import StringField, TextAreaField

from notifapp.alerts.models import MOST_BALANCE_DAYS
from notifapp.alerts.service import MOST_EMAILS, Told
from notifapp.web.forms import AS_TYPED, DIGITS, Form


class AlertsForm(Form):
    """Who is told by email, and of which balance."""

    emails = TextAreaField(
        "Email addresses",
        description=f"One on each line, at most {MOST_EMAILS}.",
        render_kw={"rows": 4, **AS_TYPED},
    )
    balance_days = StringField(
        "Balance lasts for less than",
        description=f"At the pace of the last week. 1 to {MOST_BALANCE_DAYS}.",
        render_kw=DIGITS,
    )

    def show(self, told: Told) -> None:
        """Fill the fields."""
        self.emails.data = "\n".join(told.emails)
        self.balance_days.data = str(told.balance_days)

    def posted(self) -> dict[str, str]:
        """The values as posted."""
        return {field.name: field.data or "" for field in self}
