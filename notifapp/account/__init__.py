"""Signing in and out, and one's own name and password."""

from flask import Blueprint

blueprint = Blueprint("account", __name__)

from notifapp.account import views  # noqa: E402, F401 - it adds its routes to the blueprint
