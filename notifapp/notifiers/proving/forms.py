"""The form for the code that a notifier delivered."""

from __future__ import annotations

from wtforms import HiddenField, StringField

from notifapp.web.forms import Form


class CodeForm(Form):
    """The code, and which one it is; posted together with the notifier's form."""

    proof = HiddenField()
    code = StringField("Code", render_kw={"autocomplete": "one-time-code", "inputmode": "numeric", "maxlength": 64})
