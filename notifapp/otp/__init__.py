"""One-time codes: issued, verified, limited."""

from flask import Blueprint

blueprint = Blueprint("otp", __name__)

from notifapp.otp import api  # noqa: E402, F401 - it adds its routes to the blueprint
