"""The API's document and its reference page, both made from what the features say of themselves."""

from flask import Blueprint

blueprint = Blueprint("docs", __name__)

from notifapp.docs import markup, views  # noqa: E402, F401 - they add filters and routes to the blueprint
