"""What the installation says of itself: health checks, figures for monitors, security.txt, and a project's health."""

from __future__ import annotations

from flask import Blueprint

from notifapp.health import security_txt_views, views
from notifapp.health.arriving import api
from notifapp.health.metrics import views as metrics_views

blueprint = Blueprint("health", __name__)
blueprint.get("/healthz")(views.healthz)
blueprint.get("/readyz")(views.readyz)
blueprint.get("/metrics")(metrics_views.metrics)
blueprint.get(api.HEALTH_PATH, endpoint="of_project")(api.health)
blueprint.get("/.well-known/security.txt")(security_txt_views.security_txt)
