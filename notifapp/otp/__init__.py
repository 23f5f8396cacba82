"""One-time codes: issued, verified, limited."""

from flask import Blueprint

blueprint = Blueprint("otp", __name__)

from notifapp.otp import api, limit_views, try_views  # noqa: E402, F401 - they add their routes to the blueprint
