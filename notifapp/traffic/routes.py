"""The pages for what a project allows, under those of its limits."""

from __future__ import annotations

from flask import Blueprint

from notifapp.traffic import views

PATH = "/projects/<project_slug>/limits/project"

blueprint = Blueprint("traffic", __name__)
blueprint.get(PATH)(views.edit)
blueprint.post(PATH)(views.save)
blueprint.post(f"{PATH}/release")(views.release)
