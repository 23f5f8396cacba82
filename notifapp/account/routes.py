"""The pages for signing in and for the user's own account."""

from __future__ import annotations

from flask import Blueprint
from flask_wtf.csrf import CSRFError

from notifapp.account import ended_session_views, views
from notifapp.errors import Unauthenticated

BOTH = ("GET", "POST")

blueprint = Blueprint("account", __name__)
blueprint.get("/")(views.home)
blueprint.route("/sign-in", methods=BOTH)(views.sign_in)
blueprint.post("/sign-out")(views.sign_out)
blueprint.route("/account", methods=BOTH)(views.account)
blueprint.route("/account/password", methods=BOTH)(views.change_password)
blueprint.route("/password/<key>", methods=BOTH)(views.password_link)
blueprint.app_errorhandler(Unauthenticated)(ended_session_views.sign_in_first)
blueprint.app_errorhandler(CSRFError)(ended_session_views.refuse_form)
