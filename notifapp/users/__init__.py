"""What admins decide about people: accounts, memberships, permission codes."""

from flask import Blueprint

blueprint = Blueprint("users", __name__)

from notifapp.users import membership_views, views  # noqa: E402, F401 - they add their routes to the blueprint
