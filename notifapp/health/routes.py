"""Health checks, for load balancers and monitors."""

from __future__ import annotations

from flask import Blueprint

from notifapp.health import views

blueprint = Blueprint("health", __name__)
blueprint.get("/healthz")(views.healthz)
blueprint.get("/readyz")(views.readyz)
