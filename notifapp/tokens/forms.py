"""The form of a new token."""

from __future__ import annotations

from wtforms import EmailField, StringField
from wtforms.widgets import NumberInput

from notifapp import names
from notifapp.forms import Form, Hints
from notifapp.tokens.service import MAX_DAYS, MIN_DAYS


class NewTokenForm(Form):
    """For whom, where, what for, and how long."""

    owner = EmailField(
        "Owner's email",
        [Hints(required=True)],
        description="The token acts with this user's permissions in the project, as they are at each call.",
        render_kw={"autocomplete": "off"},
    )
    project = StringField(
        "Project's address",
        [Hints(required=True)],
        description="The one project that the token is for, such as “shop”.",
        render_kw={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"},
    )
    name = StringField(
        "Name",
        [Hints(required=True, maxlength=names.MAX_LENGTH)],
        description="Which program uses it, so that it can be recognised later.",
        render_kw={"autocomplete": "off"},
    )
    expires_in_days = StringField(
        "Expires in",
        widget=NumberInput(min=MIN_DAYS, max=MAX_DAYS),
        description="Say 30, 90 or 365. Leave it empty for a token that never expires.",
        render_kw={"list": "usual-days", "inputmode": "numeric"},
    )

    def days(self) -> int | None:
        """How long it lives; None for ever, 0 for what is no whole number, so that the service refuses it."""
        text = (self.expires_in_days.data or "").strip()
        try:
            return int(text) if text else None
        except ValueError:
            return 0
