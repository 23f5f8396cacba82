"""The form that asks whose timeline to show."""

from __future__ import annotations

from wtforms import HiddenField, StringField

from notifapp.web.forms import AS_TYPED, Form, Hints


class LookForm(Form):
    """A recipient, however written; `before` is where the older events begin."""

    recipient = StringField("Phone number or email address", [Hints(required=True)], render_kw=AS_TYPED)
    before = HiddenField()
