"""The form for an endpoint."""

from __future__ import annotations

from wtforms import SelectMultipleField, URLField
from wtforms.widgets import CheckboxInput

from notifapp.events.models import EventType
from notifapp.events.service import MAX_URL_LENGTH
from notifapp.web.forms import AS_TYPED, Form, Hints


class EndpointForm(Form):
    """The address of an endpoint, and the events that it takes."""

    url = URLField(
        "Address",
        [Hints(required=True, maxlength=MAX_URL_LENGTH)],
        description="An https address that takes a POST request, and responds with a 2xx status once it has the event.",
        render_kw=AS_TYPED,
    )
    types = SelectMultipleField(
        "Events",
        choices=[each.value for each in EventType],  # type: ignore[misc]
        validate_choice=False,
        option_widget=CheckboxInput(),
    )
