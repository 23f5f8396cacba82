"""The audit trail's page and its CSV download."""

from __future__ import annotations

from flask import Blueprint

from notifapp.audit import views

blueprint = Blueprint("audit", __name__)
blueprint.get("/audit")(views.index)
blueprint.get("/audit.csv")(views.download)
