"""The notifiers of a project: pages, JSON endpoints, and the gateways behind them in backends/."""

from flask import Blueprint

blueprint = Blueprint("notifiers", __name__)

from notifapp.notifiers import api, views  # noqa: E402, F401 - they add their routes to the blueprint
