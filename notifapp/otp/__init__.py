"""One-time codes: issued, verified, limited."""

from flask import Blueprint

blueprint = Blueprint("otp", __name__)

from notifapp.otp import service  # noqa: E402, F401 - they add routes to the blueprint
