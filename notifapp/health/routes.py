"""What the installation says of itself: health checks for load balancers and monitors, and security.txt."""

from __future__ import annotations

from flask import Blueprint

from notifapp.health import security_txt_views, views

blueprint = Blueprint("health", __name__)
blueprint.get("/healthz")(views.healthz)
blueprint.get("/readyz")(views.readyz)
blueprint.get("/.well-known/security.txt")(security_txt_views.security_txt)
