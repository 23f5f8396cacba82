"""Health checks, for load balancers and monitors."""

from __future__ import annotations

from flask import Blueprint

from notifapp.web import health

blueprint = Blueprint("health", __name__)
blueprint.get("/healthz")(health.healthz)
blueprint.get("/readyz")(health.readyz)
