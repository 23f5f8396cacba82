"""The page of one's own sessions."""

from __future__ import annotations

from flask import current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from werkzeug.wrappers import Response

from notifapp.access import principal, sign_in_required
from notifapp.account import session_service


@sign_in_required
def sessions() -> str:
    """Where the user is signed in."""
    idle = current_app.config["NOTIFAPP"].session_idle
    found = session_service.list_sessions(current_user.user_id, idle=idle)
    # The one in hand is in use now; what is written down of it may be a minute old.
    found.sort(key=lambda session: session.id != current_user.session_id)
    return render_template("account/sessions.html", sessions=found, current=current_user.session_id)


@sign_in_required
def end_session(session_id: int) -> Response:
    """End one session."""
    session_service.end_own_session(session_id, principal=principal())
    flash("The session has ended.", "success")
    return redirect(url_for("account.sessions"), 303)


@sign_in_required
def end_other_sessions() -> ResponseReturnValue:
    """End all other sessions, after confirmation."""
    if request.method != "POST":
        return render_template("account/end_other_sessions.html")
    session_service.end_other_sessions(current_user.session_id, principal=principal())
    flash("Your other sessions have ended.", "success")
    return redirect(url_for("account.sessions"), 303)
