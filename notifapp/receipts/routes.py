"""The address where gateways tell what became of messages."""

from __future__ import annotations

from flask import Blueprint

from notifapp.notifiers.sending import RECEIPTS_PATH
from notifapp.receipts import views

blueprint = Blueprint("receipts", __name__)
blueprint.add_url_rule(f"{RECEIPTS_PATH}<key>", view_func=views.receive, methods=["GET", "POST"])
