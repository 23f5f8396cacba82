"""The pages of projects."""

from __future__ import annotations

from flask import Blueprint

from notifapp.projects import views

PAGE = "/projects"
ONE = f"{PAGE}/<project_slug>"

blueprint = Blueprint("projects", __name__)
blueprint.get(PAGE)(views.index)
blueprint.get(f"{PAGE}/new")(views.new)
blueprint.post(f"{PAGE}/new")(views.create)
blueprint.get(ONE)(views.overview)
blueprint.get(f"{ONE}/rename")(views.rename_form)
blueprint.post(f"{ONE}/rename")(views.rename)
blueprint.get(f"{ONE}/archive")(views.confirm_archive)
blueprint.post(f"{ONE}/archive")(views.archive)
blueprint.get(f"{ONE}/restore")(views.confirm_restore)
blueprint.post(f"{ONE}/restore")(views.restore)
