"""The pages of second factors."""

from __future__ import annotations

from flask import Blueprint

from notifapp.database import MAX_ID
from notifapp.errors import SecondFactorDue
from notifapp.second_factor import views

PAGE = "/account/two-step"
BOTH = ("GET", "POST")

blueprint = Blueprint("second_factor", __name__)
blueprint.get(PAGE)(views.index)
blueprint.route(f"{PAGE}/passkeys/new", methods=BOTH)(views.new_passkey)
blueprint.post(f"{PAGE}/passkeys/options")(views.passkey_options)
blueprint.route(f"{PAGE}/apps/new", methods=BOTH)(views.new_app)
blueprint.route(f"{PAGE}/<any(passkey, app):kind>/<int(max={MAX_ID}):factor_id>/remove", methods=BOTH)(views.remove)
blueprint.route(f"{PAGE}/recovery-codes/new", methods=BOTH)(views.renew_codes)
blueprint.get(f"{PAGE}/recovery-codes")(views.codes)
blueprint.route(f"/users/<int(max={MAX_ID}):user_id>/reset-second-factor", methods=BOTH)(views.reset)
blueprint.app_errorhandler(SecondFactorDue)(views.set_up_first)
