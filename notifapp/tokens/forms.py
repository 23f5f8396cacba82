"""The forms for tokens."""

from __future__ import annotations

from wtforms import EmailField, SearchField, SelectField, StringField

from notifapp.inputs import MAX_NAME_LENGTH
from notifapp.tokens.queries import Filters, State
from notifapp.web.filters import FilterForm, offer
from notifapp.web.forms import AS_TYPED, DIGITS, Form, Hints
from notifapp.web.paging import MAX_SEARCH_LENGTH


class TokenFilterForm(FilterForm):
    """The filters of the list."""

    q = SearchField("Name or prefix", render_kw=AS_TYPED)
    owner = StringField("Owner's email", render_kw=AS_TYPED)
    project = StringField("Project's address", render_kw=AS_TYPED)
    state = SelectField("State", validate_choice=False)

    def __init__(self) -> None:
        super().__init__()
        offer(self.state, "Every state", ((state.value, state.label) for state in State))

    def filters(self) -> Filters:
        """The filters as entered."""
        return Filters(
            search=self.typed("q")[:MAX_SEARCH_LENGTH],
            owner=self.typed("owner").lower(),
            project=self.typed("project"),
            state=self.chosen("state", State),
        )


class NewTokenForm(Form):
    """A new token's owner, project, name and lifetime."""

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
        render_kw=AS_TYPED,
    )
    name = StringField(
        "Name",
        [Hints(required=True, maxlength=MAX_NAME_LENGTH)],
        description="The program that uses it, so that you recognise it later.",
        render_kw={"autocomplete": "off"},
    )
    expires_in_days = StringField(
        "Expires in",
        description="Say 30, 90 or 365. Leave it empty for a token that never expires.",
        render_kw={"list": "usual-days", **DIGITS},
    )

    def days(self) -> int | None:
        """The lifetime in days; None if blank, and 0, which the service refuses, if it isn't a whole number."""
        text = (self.expires_in_days.data or "").strip()
        try:
            return int(text) if text else None
        except ValueError:
            return 0
