"""The pages of a project's endpoints."""

from __future__ import annotations

from flask import Blueprint

from notifapp.events import views

PATH = "/projects/<project_slug>/events"
ONE = f"{PATH}/<int:endpoint_id>"

blueprint = Blueprint("events", __name__)
blueprint.get(PATH)(views.index)
blueprint.get(f"{PATH}/new")(views.new)
blueprint.post(f"{PATH}/new")(views.create)
blueprint.get(ONE)(views.show)
blueprint.get(f"{ONE}/secret")(views.secret)
blueprint.route(f"{ONE}/edit", methods=["GET", "POST"])(views.edit)
blueprint.get(f"{ONE}/rotate")(views.confirm_rotate)
blueprint.post(f"{ONE}/rotate")(views.rotate)
blueprint.post(f"{ONE}/enable")(views.enable)
blueprint.post(f"{ONE}/disable")(views.disable)
blueprint.get(f"{ONE}/delete")(views.confirm_delete)
blueprint.post(f"{ONE}/delete")(views.delete)
blueprint.post(f"{ONE}/test")(views.test)
blueprint.post(f"{ONE}/messages/<int:message_id>/send-again")(views.send_again)
