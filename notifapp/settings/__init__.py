"""THE HEART: one blueprint serves the settings page and the settings endpoint; both call one service."""

from flask import Blueprint

blueprint = Blueprint("settings", __name__)

from notifapp.settings import api, message_views, views  # noqa: E402, F401 - they add their routes to the blueprint
