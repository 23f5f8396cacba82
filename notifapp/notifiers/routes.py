"""The notifiers' pages, their test messages, and the JSON endpoints of each channel."""

from __future__ import annotations

from flask import Blueprint

from notifapp.channels import Channel
from notifapp.notifiers import api, testing_views, views
from notifapp.notifiers.asking import views as asking_views
from notifapp.notifiers.proving import views as proving_views

PAGE = "/projects/<project_slug>/notifiers"
NEW = f"{PAGE}/<any(sms, email):channel>/new"
ONE = f"{PAGE}/<any(sms, email):channel>/<int:notifier_id>"

blueprint = Blueprint("notifiers", __name__)
blueprint.get(PAGE)(views.index)
blueprint.get(f"{PAGE}/outbox")(views.outbox)
blueprint.get(NEW)(views.choose)
blueprint.get(f"{NEW}/<backend_key>")(views.new)
blueprint.post(f"{NEW}/<backend_key>")(views.create)
blueprint.post(f"{NEW}/<backend_key>/test")(testing_views.test_new)
blueprint.post(f"{NEW}/<backend_key>/prove")(proving_views.prove_new)
blueprint.post(f"{NEW}/<backend_key>/ask")(asking_views.ask_of_new)
blueprint.get(ONE)(views.edit)
blueprint.post(ONE)(views.save)
blueprint.post(f"{ONE}/test")(testing_views.test_stored)
blueprint.post(f"{ONE}/prove")(proving_views.prove_stored)
blueprint.post(f"{ONE}/ask")(asking_views.ask_of_stored)
blueprint.post(f"{ONE}/enable")(views.enable)
blueprint.post(f"{ONE}/disable")(views.disable)
blueprint.post(f"{ONE}/receipts")(views.renew_receipts)
blueprint.get(f"{ONE}/delete")(views.confirm_delete)
blueprint.post(f"{ONE}/delete")(views.delete)

for _channel in Channel:
    _list, _one, _given = f"{api.PATH}/{_channel}", f"{api.PATH}/{_channel}/<int:notifier_id>", {"channel": _channel}
    blueprint.get(_list, endpoint=f"api_{_channel}_list", defaults=_given)(api.read_list)
    blueprint.post(_list, endpoint=f"api_{_channel}_create", defaults=_given)(api.create)
    blueprint.get(_one, endpoint=f"api_{_channel}_read", defaults=_given)(api.read)
    blueprint.patch(_one, endpoint=f"api_{_channel}_update", defaults=_given)(api.update)
