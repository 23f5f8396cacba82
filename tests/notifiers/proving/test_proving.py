"""Proof of receipt: a code that a notifier delivered is typed back, before or after its values are saved."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import delete, select, update
from werkzeug.test import TestResponse

from notifapp.access import Permission, ProjectRef
from notifapp.database import reading, table_of, writing
from notifapp.delivery.models import Delivery
from notifapp.notifiers.models import Notifier, NotifierProof
from notifapp.notifiers.proving.service import fill_digests
from tests.audit.trail import events
from tests.client import ApiClient, Browser, page_text
from tests.clock import Clock, stop_first, time
from tests.notifiers.gateway import Gateway
from tests.world import World

__all__ = ["time"]

CODES = (2811, 2812, 2813, Permission.OTP_SEND)
INDEX = "/projects/shop/notifiers"
NEW = f"{INDEX}/sms/new/kavenegar"
API = "/api/notifications/notifiers/sms"
KEY = "k3y-of-the-shop"
FORM = {
    "name": "line", "api_key": KEY, "sender": "10004346", "pattern_code": "", "pattern_variables": "",
    "test-recipient": "+98 912 000 0067",
}  # fmt: skip
UNTOUCHED = FORM | {"api_key": ""}
MASKED = "+98••••••••67"


@dataclass
class Shop:
    """A project whose staff may do anything with SMS notifiers and prove them; one of these is stored."""

    app: Flask
    world: World
    project: ProjectRef
    staff: Browser
    gateway: Gateway

    def store(self, name: str = "line") -> str:
        """The page of a stored notifier, as `FORM` has it."""
        values: dict[str, Any] = {
            "settings": {"sender": "10004346", "pattern_code": "", "pattern_variables": "code"},
            "secrets": {"api_key": KEY},
        }
        return f"{INDEX}/sms/{self.world.notifier(self.project, 'sms', name, backend='kavenegar', **values)}"

    def send(self, path: str, form: dict[str, Any] = UNTOUCHED, *, by: Browser | None = None) -> dict[str, Any]:
        """Press "Prove it". Return what the form with the right code would post."""
        page = (by or self.staff).post(f"{path}/prove", form)
        assert page.status_code == 200, page_text(page)
        assert f"A code was sent to {MASKED}" in page_text(page)
        return {**form, **shown(page), "code": self.code(), "check": "yes"}

    def code(self) -> str:
        """The code that was delivered last."""
        [code] = re.findall(r"\d{6}", self.gateway.requests[-1].form["message"])
        return str(code)

    def check(self, path: str, form: dict[str, Any], *, by: Browser | None = None) -> TestResponse:
        """Press "Check the code"."""
        return (by or self.staff).post(f"{path}/prove", form)

    def notifiers(self) -> list[Any]:
        with self.app.app_context(), reading() as connection:
            return list(connection.execute(select(table_of(Notifier)).order_by(Notifier.id)))

    def state(self, path: str) -> str:
        """What the notifier's page says of its proof."""
        [state] = re.findall(r"through Kavenegar, ([a-z0-9 ]+?) (?:Enabled|Disabled)", page_text(self.staff.get(path)))
        return str(state)


def shown(page: TestResponse) -> dict[str, str]:
    """The hidden fields of the page's form."""
    return dict(re.findall(r'<input type="hidden" name="(proof|kept)" value="([^"]+)"', page.text))


@pytest.fixture
def shop(request: pytest.FixtureRequest, app: Flask, world: World, browser: Browser, kavenegar: Gateway) -> Shop:
    stop_first(request)
    project = world.project("shop", "My Shop")
    return Shop(app, world, project, browser.sign_in(world.member(project, *CODES)), kavenegar)


# A stored notifier


def test_a_code_that_is_typed_back_proves_the_notifier(shop: Shop) -> None:
    path = shop.store()
    assert shop.state(path) == "never proven"
    answer = shop.check(path, shop.send(path))
    assert (answer.status_code, answer.headers["Location"]) == (303, path)
    assert "line is proven." in page_text(shop.staff.get(path))
    assert shop.state(path) == "proven just now"
    assert "Proven just now" in page_text(shop.staff.get(INDEX))
    [event] = events(shop.app, "notifier_proven")
    assert (event.subject, event.actor, event.detail["is_saved"]) == ("line", "staff@example.org", True)


def test_the_message_has_the_words_that_customers_get(shop: Shop) -> None:
    shop.send(shop.store())
    words = shop.gateway.requests[-1].form["message"]
    assert re.fullmatch(r"\d{6} is your code for My Shop\. It is valid for 10 minutes\.", words)


def test_the_api_says_since_when_and_null_while_it_is_not(shop: Shop, api: ApiClient, time: Clock) -> None:
    path, token = shop.store(), shop.world.staff_token(shop.project, *CODES, email="program@example.org")
    one = f"{API}/{path.rpartition('/')[2]}"
    assert api.call("GET", one, token).get_json()["proven_at"] is None
    shop.check(path, shop.send(path))
    assert api.call("GET", one, token).get_json()["proven_at"] == "2026-11-23T12:00:00.000000Z"
    assert api.call("GET", API, token).get_json()["results"][0]["proven_at"] == "2026-11-23T12:00:00.000000Z"
    changed = api.call("PATCH", one, token, json={"settings": {"sender": "10008888"}})
    assert changed.get_json()["proven_at"] is None


def test_the_code_and_the_key_are_nowhere_to_be_found(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    path = shop.store()
    form = shop.send(path)
    answer = shop.check(path, form | {"code": "x" * 6})
    with shop.app.app_context(), reading() as connection:
        stored = [connection.execute(select(table_of(model))).all() for model in (NotifierProof, Delivery)]
    everything = f"{answer.text} {stored} {[event.detail for event in events(shop.app)]} {caplog.text}"
    assert form["code"] not in everything
    assert KEY not in everything
    assert "9120000067" not in everything


def test_the_proof_lapses_with_any_change_of_the_configuration_and_comes_back_with_it(shop: Shop) -> None:
    path = shop.store()
    shop.check(path, shop.send(path))
    pattern = {"pattern_code": "login", "pattern_variables": "code"}
    for change in ({"sender": "10008888"}, {"api_key": "newer"}, pattern):
        assert shop.staff.post(path, UNTOUCHED | change).status_code == 303
        assert shop.state(path) == "proven before its last change"
        shop.staff.post(path, FORM)
        assert shop.state(path) == "proven just now"


def test_a_new_name_and_a_pause_change_nothing_about_the_proof(shop: Shop) -> None:
    path = shop.store()
    shop.check(path, shop.send(path))
    shop.staff.post(path, UNTOUCHED | {"name": "other"})
    for verb in ("disable", "enable"):
        shop.staff.post(f"{path}/{verb}")
        assert shop.state(path) == "proven just now"


def test_a_proof_says_how_old_it_is_and_can_be_renewed(shop: Shop, time: Clock) -> None:
    path = shop.store()
    shop.check(path, shop.send(path))
    time.advance(3600)
    assert shop.state(path) == "proven 1 hour ago"
    shop.check(path, shop.send(path))
    assert shop.state(path) == "proven just now"


# Before saving


def test_values_are_proven_before_there_is_a_notifier(shop: Shop) -> None:
    checked = shop.check(NEW, shop.send(NEW, FORM) | {"api_key": ""})
    assert checked.status_code == 200
    assert "These values are proven" in page_text(checked)
    assert shop.notifiers() == []
    assert shop.staff.post(NEW, UNTOUCHED | shown(checked)).status_code == 303
    [notifier] = shop.notifiers()
    assert shop.state(f"{INDEX}/sms/{notifier.id}") == "proven just now"


def test_values_that_are_changed_after_the_proof_need_another(shop: Shop) -> None:
    checked = shop.check(NEW, shop.send(NEW, FORM))
    shop.staff.post(NEW, UNTOUCHED | shown(checked) | {"sender": "10008888"})
    [notifier] = shop.notifiers()
    assert shop.state(f"{INDEX}/sms/{notifier.id}") == "never proven"


def test_a_day_later_the_proof_of_unsaved_values_is_worth_nothing(shop: Shop, time: Clock) -> None:
    shop.check(NEW, shop.send(NEW, FORM))
    time.advance(days=1)
    shop.staff.sign_in(1)
    shop.staff.post(NEW, FORM)
    [notifier] = shop.notifiers()
    assert notifier.proven_at is None


def test_a_change_is_proven_before_it_is_saved(shop: Shop) -> None:
    path = shop.store()
    change = UNTOUCHED | {"sender": "10008888"}
    answer = shop.check(path, shop.send(path, change))
    assert "These values are proven" in page_text(answer)
    assert 'value="10008888"' in answer.text
    assert shop.state(path) == "never proven"
    shop.staff.post(path, change)
    assert shop.state(path) == "proven just now"


def test_a_code_proves_only_the_values_that_it_was_sent_with(shop: Shop) -> None:
    path = shop.store()
    form = shop.send(path)
    answer = shop.check(path, form | {"sender": "10008888"})
    assert answer.status_code == 400
    assert "The values have changed since this code was sent. Send another." in page_text(answer)
    assert shop.check(path, form).status_code == 303


# Wrong codes


def test_five_wrong_codes_are_the_end_of_it(shop: Shop) -> None:
    path = shop.store()
    form = shop.send(path)
    wrong = form | {"code": f"{(int(form['code']) + 1) % 10**6:06}"}
    for left in ("4 attempts", "3 attempts", "2 attempts", "1 attempt"):
        answer = shop.check(path, wrong)
        assert answer.status_code == 400
        assert "That code is wrong." in page_text(answer)
        assert f"{left} left." in page_text(answer)
    assert "That code is wrong. Send another." in page_text(shop.check(path, wrong))
    assert "This code can't be used any more. Send another." in page_text(shop.check(path, form))
    assert shop.state(path) == "never proven"


def test_a_code_of_another_length_costs_no_attempt(shop: Shop) -> None:
    path = shop.store()
    form = shop.send(path)
    for typed in ("", "12345", form["code"] + "0"):
        answer = page_text(shop.check(path, form | {"code": typed}))
        assert "Enter the 6 digits of the code." in answer
        assert "5 attempts left" in answer


def test_a_code_may_be_typed_in_any_script(shop: Shop) -> None:
    path = shop.store()
    form = shop.send(path)
    persian = form["code"].translate(str.maketrans("0123456789", "۰۱۲۳۴۵۶۷۸۹"))
    assert shop.check(path, form | {"code": f" {persian[:3]}-{persian[3:]} "}).status_code == 303


def test_a_code_lives_for_ten_minutes_and_works_once(shop: Shop, time: Clock) -> None:
    path = shop.store()
    late, used = shop.send(path), shop.send(path)
    time.advance(599)
    assert shop.check(path, used).status_code == 303
    assert "This code can't be used any more." in page_text(shop.check(path, used))
    time.advance(1)
    assert "This code can't be used any more." in page_text(shop.check(path, late))


@pytest.mark.parametrize("proof", ["", "0" * 32, "\0", "é" * 300])
def test_a_code_that_nobody_sent_is_none(shop: Shop, proof: str) -> None:
    path = shop.store()
    answer = shop.check(path, shop.send(path) | {"proof": proof})
    assert answer.status_code == 400
    assert "This code can't be used any more. Send another." in page_text(answer)


def test_another_projects_code_is_none(shop: Shop) -> None:
    other = shop.world.project("other")
    there = f"/projects/other/notifiers/sms/{shop.world.notifier(other, 'sms', 'line', backend='kavenegar')}"
    form = shop.send(shop.store())
    admin = Browser(shop.app).sign_in(shop.world.admin())
    assert shop.check(there, form | {"api_key": KEY}, by=admin).status_code == 400


# What the gateway refuses


def test_a_message_that_was_not_accepted_leaves_no_code(shop: Shop) -> None:
    shop.gateway.status, shop.gateway.answer = 418, {"return": {"status": 418, "message": "…"}, "entries": None}
    page = shop.staff.post(f"{shop.store()}/prove", UNTOUCHED)
    assert f"The test message to {MASKED} was not sent No credit left." in page_text(page)
    assert "Check the code" not in page.text
    with shop.app.app_context(), reading() as connection:
        assert connection.execute(select(table_of(NotifierProof))).all() == []


def test_codes_count_as_test_messages_do(shop: Shop) -> None:
    path = shop.store()
    for number in range(10):
        assert shop.staff.post(f"{path}/{'prove' if number % 2 else 'test'}", UNTOUCHED).status_code == 200
    answer = shop.staff.post(f"{path}/prove", UNTOUCHED)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "900")


# Who may


def test_who_reads_the_notifiers_and_holds_9001_proves_them_as_they_are(shop: Shop) -> None:
    path = shop.store()
    reader = Browser(shop.app).sign_in(shop.world.member(shop.project, 2812, 9001, email="reader@example.org"))
    assert f'action="{path}/prove"' in reader.get(path).text
    form = shop.send(path, {"test-recipient": FORM["test-recipient"], "sender": "10008888"}, by=reader)
    assert shop.gateway.requests[-1].form["sender"] == "10004346"
    wrong = shop.check(path, form | {"code": "1"}, by=reader)
    assert "Enter the 6 digits of the code." in page_text(wrong)
    assert shop.check(path, form, by=reader).status_code == 303
    assert shop.state(path) == "proven just now"


@pytest.mark.parametrize("codes", [(2811, 2812, 2813), (2811, 2813, 9001)])
def test_without_either_nobody_proves_one(shop: Shop, codes: tuple[int, ...]) -> None:
    path = shop.store()
    other = Browser(shop.app).sign_in(shop.world.member(shop.project, *codes, email="other@example.org"))
    assert other.post(f"{path}/prove", UNTOUCHED).status_code == 403
    assert shop.gateway.requests == []
    if 2812 in codes:
        assert other.post(f"{NEW}/prove", FORM).status_code == 403
        assert "Prove it" not in other.get(path).text + other.get(NEW).text


def test_admins_always_may(shop: Shop) -> None:
    path, admin = shop.store(), Browser(shop.app).sign_in(shop.world.admin())
    assert shop.check(path, shop.send(path, by=admin), by=admin).status_code == 303


# Digests


def test_a_proof_is_kept_although_the_keys_are_renewed(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    proven, later = shop.store(), shop.store("later")
    with shop.app.app_context():
        assert fill_digests() == 2
    shop.check(proven, shop.send(proven))
    monkeypatch.setitem(shop.app.config, "NOTIFAPP", replace(shop.app.config["NOTIFAPP"], otp_keys=("new" * 20,)))
    shop.staff.post(proven, UNTOUCHED | {"name": "renamed"})
    assert shop.state(proven) == "proven just now"
    shop.check(later, shop.send(later, UNTOUCHED | {"name": "later"}))
    assert shop.state(later) == "proven just now"


def test_digests_are_computed_for_notifiers_that_have_none_unless_their_secrets_cant_be_read(shop: Shop) -> None:
    shop.store()
    unreadable = int(shop.store("unreadable").rpartition("/")[2])
    with shop.app.app_context():
        with writing() as connection:
            connection.execute(update(Notifier).where(Notifier.id == unreadable).values(secrets="x"))
        assert fill_digests() == 1
        assert fill_digests() == 0
    stored, other = shop.notifiers()
    assert (stored.configured_at, other.digest) == (stored.updated_at, None)
    shop.staff.post(NEW, FORM | {"name": "the same"})
    assert shop.notifiers()[-1].digest == stored.digest


def test_a_notifier_that_is_deleted_meanwhile_is_not_proven(shop: Shop) -> None:
    path = shop.store()
    form = shop.send(path)
    with shop.app.app_context(), writing() as connection:
        connection.execute(update(Delivery).values(notifier_id=None))
        connection.execute(delete(Notifier))
    assert shop.check(path, form).status_code == 404
