"""A notifier in force is edited without a question where the new values are proven."""

from __future__ import annotations

from tests.client import ApiClient, page_text
from tests.notifiers.proving.test_proving import UNTOUCHED, Shop, shop

__all__ = ["shop"]
ASKS = "Nothing has been changed yet."


def test_values_that_were_proven_first_are_saved_at_once(shop: Shop, api: ApiClient) -> None:
    path = shop.store()
    token = shop.world.staff_token(shop.project, 1036, 1037, email="program@example.org")
    assert api.patch_settings(token, {"notifications_sms_notifier": int(path.rpartition("/")[2])}).status_code == 200
    form = UNTOUCHED | {"sender": "10009999"}
    assert ASKS in page_text(shop.staff.post(path, form))
    proven = shop.check(path, shop.send(path, form))
    assert "These values are proven" in page_text(proven)
    assert ASKS in page_text(shop.staff.post(path, form | {"sender": "10008888"})), "they are other values"
    assert shop.staff.post(path, form).status_code == 303
    assert shop.state(path) == "proven just now"
