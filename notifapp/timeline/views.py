"""The page "Why didn't my code arrive?". Addresses are posted and never in its URL; a message's id may be."""

from __future__ import annotations

from datetime import datetime

from flask import render_template, request
from flask.typing import ResponseReturnValue

from notifapp.access import Permission, ProjectRef, permission_required, principal
from notifapp.errors import NotFound, ValidationFailed
from notifapp.timeline import service
from notifapp.timeline.forms import LookForm
from notifapp.timeline.parsing import RECIPIENT, moment
from notifapp.timeline.service import Timeline
from notifapp.web.forms import add_errors


@permission_required(Permission.OTP_RELEASE)
def ask(project: ProjectRef) -> str:
    """The form alone; or, from a row of the deliveries, the timeline of that message's recipient."""
    delivery = request.args.get("delivery", "")
    if not delivery:
        return _render(LookForm())
    if not (delivery.isascii() and delivery.isdecimal()) or len(delivery) > 10:
        raise NotFound
    before = _before(request.args.get("before"))
    found = service.of_delivery(project, int(delivery), principal=principal(), before=before)
    return _render(LookForm(), found, delivery=delivery)


@permission_required(Permission.OTP_RELEASE)
def look(project: ProjectRef) -> ResponseReturnValue:
    """The timeline of the recipient that was typed."""
    form = LookForm()
    try:
        typed = (form.recipient.data or "").strip()
        if not typed:
            raise ValidationFailed({RECIPIENT: ["Enter a phone number or an email address."]})
        before = _before(form.before.data)
        found = service.of_address(project, typed, principal=principal(), before=before)
    except ValidationFailed as error:
        add_errors(form, error)
        return _render(form), 400
    return _render(form, found)


def _before(text: str | None) -> datetime | None:
    """The time in a link to older events. Raise `NotFound` for any other text."""
    try:
        return moment(text) if text else None
    except ValueError:
        raise NotFound from None


def _render(form: LookForm, found: Timeline | None = None, *, delivery: str = "") -> str:
    return render_template("timeline/page.html", form=form, timeline=found, delivery=delivery)
