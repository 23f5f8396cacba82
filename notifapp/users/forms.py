"""The forms for users and memberships."""

from __future__ import annotations

from wtforms import BooleanField, EmailField, SelectMultipleField, StringField
from wtforms.widgets import CheckboxInput

from notifapp.access import Permission
from notifapp.inputs import MAX_NAME_LENGTH
from notifapp.web.forms import Form, Hints


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
    """A checkbox for each permission code."""

    codes = SelectMultipleField(
        "Permissions",
        choices=[str(int(permission)) for permission in Permission],  # type: ignore[misc]
        coerce=int,
        validate_choice=False,
        option_widget=CheckboxInput(),
    )
