"""The forms of tokens."""

from __future__ import annotations

from flask import request
from wtforms import EmailField, SearchField, SelectField, StringField
from wtforms.widgets import NumberInput

from notifapp import names
from notifapp.errors import ValidationFailed
from notifapp.forms import Form, Hints
from notifapp.paging import MAX_SEARCH_LENGTH
from notifapp.tokens.queries import Filters, State
from notifapp.tokens.service import MAX_DAYS, MIN_DAYS

_AS_TYPED = {"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}


class FilterForm(Form):
    """What the list is narrowed to, as it comes in with the address of the page; everything is optional."""

    q = SearchField("Name or prefix", render_kw=_AS_TYPED)
    owner = StringField("Owner's email", render_kw=_AS_TYPED)
    project = StringField("Project's address", render_kw=_AS_TYPED)
    state = SelectField("State", validate_choice=False)

    def __init__(self) -> None:
        super().__init__(formdata=request.args)
        self.state.choices = [("", "Every state"), *((state.value, state.label) for state in State)]

    def filters(self) -> Filters:
        """What was asked for. Raise `ValidationFailed` for a state that there isn't."""
        if self.state.data and self.state.data not in list(State):
            raise ValidationFailed({"state": ["Choose one from the list."]})
        return Filters(
            search=(self.q.data or "").strip()[:MAX_SEARCH_LENGTH],
            owner=(self.owner.data or "").strip().lower(),
            project=(self.project.data or "").strip(),
            state=State(self.state.data) if self.state.data else None,
        )


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
        render_kw=_AS_TYPED,
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
