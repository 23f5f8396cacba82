"""The buttons of the list of blocked recipients on the limits' page."""

from __future__ import annotations

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from notifapp import wording
from notifapp.access import ProjectRef, principal, project_admin_required
from notifapp.channels import Channel
from notifapp.errors import Conflict, NotFound
from notifapp.otp.blocked import service
from notifapp.otp.blocked.service import Blocked
from notifapp.web.forms import is_confirmed, posted_again


@project_admin_required
def release(project: ProjectRef) -> ResponseReturnValue:
    """Unblock one recipient at once; the chosen ones, or all, once that is confirmed."""
    if "one" in request.form:
        return _released(project, service.release_chosen(project, _blocked("one"), principal=principal()))
    is_all, chosen = "all" in request.form, _blocked("recipient")
    if not is_all and not chosen:
        flash("Nobody was unblocked: select at least one recipient first.", "warning")
        return _back(project)
    if not is_confirmed():
        return _ask(project, chosen, is_all=is_all)
    if is_all:
        return _released(project, service.release_all(project, principal=principal()))
    return _released(project, service.release_chosen(project, chosen, principal=principal()))


def _blocked(field: str) -> list[Blocked]:
    """The recipients in a field: of each its channel and digest, separated by blanks. Raise `NotFound`."""
    keys = [key.partition(":") for value in request.form.getlist(field) for key in value.replace("\0", "").split()]
    try:
        return [Blocked(Channel(channel), digest) for channel, _, digest in keys]
    except ValueError:
        raise NotFound from None


def _ask(project: ProjectRef, chosen: list[Blocked], *, is_all: bool) -> str:
    names = [] if is_all else service.masked(project, chosen)
    count = service.count_blocked(project) if is_all else len(names)
    if not count:
        raise Conflict("None of these recipients is blocked any more.")
    keys = " ".join(f"{recipient.channel}:{recipient.digest}" for recipient in chosen)
    return render_template(
        "otp/release.html",
        names=names,
        recipients=wording.count(count, "recipient"),
        hidden=posted_again(**({} if is_all else {"recipient": keys})),
    )


def _released(project: ProjectRef, released: list[str]) -> Response:
    if not released:
        raise Conflict("None of these recipients is blocked any more.")
    who = f"{released[0]} is" if len(released) == 1 else f"{len(released)} recipients are"
    flash(f"{who} unblocked and can receive codes again.", "success")
    return _back(project)


def _back(project: ProjectRef) -> Response:
    return redirect(url_for(".limits", project_slug=project.slug), 303)
