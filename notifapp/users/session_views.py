"""The page where admins see and end somebody's sessions."""

from __future__ import annotations

from flask import current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from notifapp.access import admin_required, principal
from notifapp.account import session_service
from notifapp.users import queries


@admin_required
def sessions(user_id: int) -> ResponseReturnValue:
    """Where a user is signed in; a POST ends all these sessions."""
    user = queries.get_user(user_id)
    if request.method == "POST":
        session_service.end_sessions_of_user(user_id, principal=principal())
        flash(f"{user.name} is signed out everywhere.", "success")
        return redirect(url_for("users.edit", user_id=user_id), 303)
    if user_id == current_user.user_id:
        return redirect(url_for("account.sessions"))
    found = session_service.list_sessions(user_id, idle=current_app.config["NOTIFAPP"].session_idle)
    return render_template("users/sessions.html", user=user, sessions=found)
