"""The forms for projects."""

from __future__ import annotations

from wtforms import StringField

from notifapp.inputs import MAX_NAME_LENGTH
from notifapp.projects.service import MAX_SLUG_LENGTH, MIN_SLUG_LENGTH
from notifapp.web.forms import AS_TYPED, Form, Hints


class RenameForm(Form):
    """A project's name."""

    name = StringField(
        "Name",
        [Hints(required=True, maxlength=MAX_NAME_LENGTH)],
        description="What people see. It can be changed later.",
        render_kw={"autocomplete": "off"},
    )


class NewProjectForm(RenameForm):
    """A new project's name and slug."""

    slug = StringField(
        "Address",
        [Hints(required=True, minlength=MIN_SLUG_LENGTH, maxlength=MAX_SLUG_LENGTH)],
        description=(
            "What follows /projects/ in its web address: small letters, digits and single hyphens, beginning with a "
            "letter. It can't be changed later."
        ),
        render_kw=AS_TYPED,
    )
