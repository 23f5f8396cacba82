"""The forms to add second factors."""

from __future__ import annotations

from wtforms import HiddenField, StringField

from notifapp.inputs import MAX_NAME_LENGTH
from notifapp.web.forms import DIGITS, Form, Hints


def _name(description: str) -> StringField:
    return StringField(
        "Name",
        [Hints(required=True, maxlength=MAX_NAME_LENGTH)],
        description=description,
        render_kw={"autocomplete": "off"},
    )


class NewPasskeyForm(Form):
    """A new passkey's name, and what the browser made, as JSON."""

    name = _name("Where it is, so that you recognise it later: “Work laptop”, “Blue key”.")
    credential = HiddenField()


class NewAppForm(Form):
    """A new authenticator app's name, and a code that it shows."""

    code = StringField(
        "Code",
        [Hints(required=True)],
        description="The six digits that the app shows now.",
        render_kw={**DIGITS, "autocomplete": "one-time-code"},
    )
    name = _name("Where the app is, so that you recognise it later: “My phone”.")
