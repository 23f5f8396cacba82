"""The forms for tokens."""

from __future__ import annotations

from collections.abc import Iterable

from wtforms import BooleanField, EmailField, SearchField, SelectField, StringField

from notifapp.access import PRESETS
from notifapp.errors import ValidationFailed
from notifapp.inputs import MAX_NAME_LENGTH
from notifapp.tokens.queries import Filters, State
from notifapp.tokens.service import USUAL_DAYS
from notifapp.web.filters import FilterForm, offer
from notifapp.web.forms import AS_TYPED, DIGITS, Form, Hints, permissions_field
from notifapp.web.paging import MAX_SEARCH_LENGTH

ALL_PERMISSIONS = "All of the owner's permissions"
TICKED = "ticked"  # the choice that takes what the checkboxes say


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
    """A new token's owner, project, name, permissions and lifetime."""

    owner = EmailField(
        "Owner's email",
        [Hints(required=True)],
        description="The token acts for this user. It stops working when the user leaves the project.",
        render_kw={"autocomplete": "off"},
    )
    project = StringField(
        "Project's address",
        [Hints(required=True)],
        description="The token works in this project only. The address is what follows /projects/, such as “shop”.",
        render_kw=AS_TYPED,
    )
    name = StringField(
        "Name",
        [Hints(required=True, maxlength=MAX_NAME_LENGTH)],
        description="Such as the program that uses it, so that you recognise it later.",
        render_kw={"autocomplete": "off"},
    )
    expires_in_days = StringField(
        "Expires in",
        description=f"Such as 30 or 90. If you leave this empty: {USUAL_DAYS}.",
        default=str(USUAL_DAYS),
        render_kw={"list": "usual-days", **DIGITS},
    )
    never_expires = BooleanField(
        "Never expires",
        description="The token works until it is revoked or its owner leaves the project, whatever the number above.",
    )
    preset = SelectField(
        "Permissions",
        validate_choice=False,
        description="Give the token only what its program needs. It can never do more than its owner.",
    )
    codes = permissions_field("Only these")

    def __init__(self, **values: object) -> None:
        super().__init__(**values)
        presets = ((key, f"{it.label}: {it.about}") for key, it in PRESETS.items() if key != "everything")
        offer(self.preset, ALL_PERMISSIONS, [*presets, (TICKED, "Only those ticked below")])

    def days(self) -> int | None:
        """The lifetime in days; None for never, and 0, which the service refuses, if it isn't a whole number."""
        if self.never_expires.data:
            return None
        try:
            return int((self.expires_in_days.data or "").strip() or USUAL_DAYS)
        except ValueError:
            return 0

    def chosen(self) -> Iterable[int] | None:
        """The codes of the preset or the ticked ones; None for all of the owner's.

        Raise `ValidationFailed` on `preset` if some are ticked and yet all are chosen.
        """
        preset, ticked = PRESETS.get(self.preset.data or ""), self.codes.data or []
        if preset:
            return preset.permissions
        if ticked and self.preset.data != TICKED:
            raise ValidationFailed({"preset": ["Choose “Only those ticked below”, or tick nothing there."]})
        return ticked if self.preset.data == TICKED else None
