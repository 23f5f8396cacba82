"""The forms for users and memberships."""

from __future__ import annotations

from collections.abc import Iterable

from wtforms import BooleanField, EmailField, SelectField, StringField

from notifapp.access import PRESETS
from notifapp.inputs import MAX_NAME_LENGTH
from notifapp.web.filters import offer
from notifapp.web.forms import Form, Hints, permissions_field


class UserForm(Form):
    """A user's name, email address and admin flag."""

    name = StringField("Name", [Hints(required=True, maxlength=MAX_NAME_LENGTH)], render_kw={"autocomplete": "off"})
    email = EmailField(
        "Email address",
        [Hints(required=True)],
        description="What this person signs in with.",
        render_kw={"autocomplete": "off"},
    )
    is_admin = BooleanField(
        "Admin", description="May do everything in every project, and manages projects, users and tokens."
    )


class MembershipForm(Form):
    """A preset, or a checkbox for each permission code."""

    preset = SelectField(
        "Preset",
        validate_choice=False,
        description="A preset replaces what is ticked below.",
    )

    codes = permissions_field("Permissions")

    def __init__(self, **values: object) -> None:
        super().__init__(**values)
        offer(self.preset, "As ticked below", ((key, f"{it.label}: {it.about}") for key, it in PRESETS.items()))

    def chosen(self) -> Iterable[int]:
        """The codes of the preset, or the ticked ones."""
        preset = PRESETS.get(self.preset.data or "")
        return preset.permissions if preset else self.codes.data or []
