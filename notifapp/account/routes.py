"""The pages for signing in and for the user's own account."""

from __future__ import annotations

from flask import Blueprint
from flask_wtf.csrf import CSRFError

from notifapp.account import ended_session_views, password_link_views, session_views, views
from notifapp.account.proof import confirmation_views, second_step_views
from notifapp.database import MAX_ID
from notifapp.errors import ProofRequired, Unauthenticated

BOTH = ("GET", "POST")

blueprint = Blueprint("account", __name__)
blueprint.get("/")(views.home)
blueprint.route("/sign-in", methods=BOTH)(views.sign_in)
blueprint.route("/sign-in/second-step", methods=BOTH)(second_step_views.second_step)
blueprint.post("/sign-in/passkey")(second_step_views.passkey)
blueprint.post("/sign-in/passkey/options")(second_step_views.passkey_options)
blueprint.post("/sign-out")(views.sign_out)
blueprint.route("/account", methods=BOTH)(views.account)
blueprint.route("/account/password", methods=BOTH)(views.change_password)
blueprint.route("/account/confirm", methods=BOTH)(confirmation_views.confirm)
blueprint.post("/account/confirm/passkey")(confirmation_views.confirm_with_passkey)
blueprint.get("/account/sessions")(session_views.sessions)
blueprint.post(f"/account/sessions/<int(max={MAX_ID}):session_id>/end")(session_views.end_session)
blueprint.route("/account/sessions/end-others", methods=BOTH)(session_views.end_other_sessions)
blueprint.get("/password/<key>")(password_link_views.password_link)
blueprint.route("/password", methods=BOTH)(password_link_views.set_password)
blueprint.app_errorhandler(Unauthenticated)(ended_session_views.sign_in_first)
blueprint.app_errorhandler(ProofRequired)(ended_session_views.confirm_first)
blueprint.app_errorhandler(CSRFError)(ended_session_views.refuse_form)
