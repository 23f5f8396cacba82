"""Before the notifier in force is edited or disabled, a page says what will happen."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from notifapp import clock
from notifapp.access import Principal
from notifapp.access.models import UserSession
from notifapp.database import reading, table_of, writing
from notifapp.delivery.models import Delivery
from notifapp.notifiers.models import Notifier
from notifapp.standby.service import set_standby
from tests.account.test_ended_session import OURS, kept, sign_in_again, values
from tests.audit.trail import events
from tests.client import ApiClient, Browser, page_text
from tests.clock import Clock
from tests.guards.conftest import hidden
from tests.otp.caller import Caller
from tests.world import World, stored_secrets

NOTIFIERS = "/projects/shop/notifiers"
ASKS = "Nothing has been changed yet."
LINE = {
    "name": "line", "token": "t0p-s3cret", "from_number": "+983000505", "pattern_code": "abc",
    "pattern_variables": "code=verification-code",
}  # fmt: skip
STORED = {"name": "line", "token": "", "from_number": "+983000505", "pattern_code": "abc"}
STORED["pattern_variables"] = LINE["pattern_variables"]


@pytest.fixture
def line(app: Flask, staff: Browser, caller: Caller) -> str:
    """The page of the SMS notifier in force, which is one of IPPanel."""
    assert staff.post(f"{NOTIFIERS}/sms/new/ippanel", LINE).status_code == 303
    caller.change_settings(sms_notifier=3)
    return f"{NOTIFIERS}/sms/3"


def sender(app: Flask) -> str:
    with app.app_context(), reading() as connection:
        rows = connection.execute(select(table_of(Notifier).c.settings).where(table_of(Notifier).c.id == 3))
        return str(rows.scalar_one()["from_number"])


def asks(answer: TestResponse) -> bool:
    return answer.status_code == 200 and ASKS in page_text(answer)


# Editing


def test_editing_the_notifier_in_force_says_what_is_sent_with_the_new_values(
    app: Flask, staff: Browser, caller: Caller, line: str
) -> None:
    caller.open()
    asked = staff.post(line, STORED | {"from_number": "+983000506"})
    page = page_text(asked)
    assert "Save line? Nothing has been changed yet." in page
    assert "The next code by SMS is sent with values that nobody has proven" in page
    assert "Sender number: from +983000505 → to +983000506" in page
    assert "1 code was requested by SMS in the last 24 hours." in page
    assert sender(app) == "+983000505"

    assert staff.post(line, hidden(asked)).status_code == 303
    assert sender(app) == "+983000506"
    assert stored_secrets(app)[-1] == {"token": "t0p-s3cret"}
    assert len(events(app, "notifier_changed")) == 1


def test_a_new_secret_is_on_no_page_and_saved_once_it_is_confirmed(app: Flask, staff: Browser, line: str) -> None:
    asked = staff.post(line, STORED | {"token": "n3w-s3cret"})
    assert asks(asked)
    assert "API key: from stored → to replaced" in page_text(asked)
    assert "n3w-s3cret" not in asked.text
    assert hidden(asked)["token"] == [""]
    assert stored_secrets(app)[-1] == {"token": "t0p-s3cret"}
    assert staff.post(line, hidden(asked)).status_code == 303
    assert stored_secrets(app)[-1] == {"token": "n3w-s3cret"}
    assert "s3cret" not in str([event.detail for event in events(app, "notifier_changed")])


def test_a_secret_is_held_for_ten_minutes_only(app: Flask, staff: Browser, line: str, time: Clock) -> None:
    asked = staff.post(line, STORED | {"token": "n3w-s3cret"})
    time.advance(minutes=10)
    with app.app_context(), writing() as connection:
        connection.execute(update(UserSession).values(proved_at=time.time))  # the step-up would come first
    answer = staff.post(line, hidden(asked))
    assert answer.status_code == 400
    assert "Type this again: it was kept for 10 minutes only." in page_text(answer)
    assert stored_secrets(app)[-1] == {"token": "t0p-s3cret"}


def test_going_back_keeps_all_that_was_typed_with_the_secret(app: Flask, staff: Browser, line: str) -> None:
    asked = staff.post(line, STORED | {"token": "n3w-s3cret", "from_number": "+983000506"})
    back = staff.post(line, hidden(asked) | {"back": "yes"})
    assert back.status_code == 200
    assert values(back.text)["from_number"] == "+983000506"
    assert "Kept for 10 minutes. Leave it blank to use it." in page_text(back)
    assert "n3w-s3cret" not in back.text
    assert sender(app) == "+983000505"
    typed = {name: value for name, value in values(back.text).items() if name in {*STORED, "kept"}}
    assert staff.post(line, hidden(staff.post(line, typed))).status_code == 303
    assert (sender(app), stored_secrets(app)[-1]) == ("+983000506", {"token": "n3w-s3cret"})


def test_each_place_of_a_pattern_is_kept_while_the_page_asks(app: Flask, staff: Browser, line: str) -> None:
    chosen: dict[str, Any] = {**STORED, "pattern_variables": ["code=otp", "", "project=shop"]}
    asked = staff.post(line, chosen)
    assert hidden(asked)["pattern_variables"] == chosen["pattern_variables"]
    assert staff.post(line, hidden(asked)).status_code == 303
    assert "code=otp, project=shop" in staff.get(line).text


@pytest.mark.parametrize("changes", [{}, {"name": "renamed"}])
def test_what_changes_nothing_that_is_sent_asks_nothing(staff: Browser, line: str, changes: dict[str, str]) -> None:
    assert staff.post(line, STORED | changes).status_code == 303


def test_a_notifier_through_which_nothing_is_sent_is_edited_at_once(
    staff: Browser, caller: Caller, world: World, line: str
) -> None:
    world.set_enabled(3, False)
    assert staff.post(line, STORED | {"from_number": "+983000506"}).status_code == 303
    world.set_enabled(3, True)
    caller.change_settings(sms_notifier=1)
    assert staff.post(line, STORED | {"from_number": "+983000507"}).status_code == 303


def test_a_proof_that_would_lapse_is_said_and_what_was_proven_comes_back_without_a_question(
    app: Flask, staff: Browser, line: str
) -> None:
    assert "lapses" not in page_text(staff.post(line, STORED | {"from_number": "+983000506"}))
    notifier = table_of(Notifier).c
    with app.app_context(), writing() as connection:
        proven = {"proven_digest": notifier.digest, "proven_at": clock.now()}
        connection.execute(update(Notifier).where(notifier.id == 3).values(proven))
    asked = staff.post(line, STORED | {"from_number": "+983000506"})
    assert "The proof of what is stored, just now, lapses." in page_text(asked)
    staff.post(line, hidden(asked))
    assert staff.post(line, STORED).status_code == 303
    assert sender(app) == "+983000505"


def test_what_stands_by_is_said(app: Flask, staff: Browser, caller: Caller, line: str) -> None:
    no_code = "If a value is wrong, no code arrives by SMS until somebody corrects it."
    assert no_code in page_text(staff.post(line, STORED | {"from_number": "+983000506"}))
    with app.app_context():
        set_standby(caller.project, {"sms": [1]}, principal=Principal.operator())
    asked = page_text(staff.post(line, STORED | {"from_number": "+983000506"}))
    assert "If a value is wrong, codes depend on what stands by, gateway, until somebody corrects it." in asked


def test_what_cannot_be_saved_is_refused_before_anything_is_asked(staff: Browser, line: str) -> None:
    answer = staff.post(line, STORED | {"from_number": "nobody"})
    assert (answer.status_code, ASKS in page_text(answer)) == (400, False)


def test_only_who_may_edit_may_confirm(app: Flask, staff: Browser, world: World, caller: Caller, line: str) -> None:
    asked: dict[str, Any] = hidden(staff.post(line, STORED | {"from_number": "+983000506"}))
    reader = Browser(app).sign_in(world.member(caller.project, 2812, email="reader@example.org"))
    assert reader.post(line, asked).status_code == 403
    without_token = {name: value for name, value in asked.items() if name != "csrf_token"}
    assert staff.post(line, without_token, csrf=False).status_code == 400
    assert sender(app) == "+983000505"


def test_a_session_that_ends_while_the_page_asks_keeps_the_values_and_says_that_the_secret_is_gone(
    app: Flask, staff: Browser, line: str
) -> None:
    asked = staff.post(line, STORED | {"token": "n3w-s3cret", "from_number": "+983000506"})
    staff.post("/sign-out")
    ended = staff.post(line, hidden(asked), csrf=False, headers=OURS)
    assert "confirmed" not in kept(ended)
    sign_in_again(staff, ended)
    page = staff.get(line)
    assert "Passwords and keys were not kept: type them again." in page_text(page)
    assert values(page.text)["from_number"] == "+983000506"
    assert (sender(app), stored_secrets(app)[-1]) == ("+983000505", {"token": "t0p-s3cret"})


# Disabling


def test_disabling_the_notifier_in_force_says_what_stops_and_what_is_given_up(
    staff: Browser, caller: Caller, line: str
) -> None:
    caller.open()
    caller.open("+989120000000")
    asked = staff.post(f"{line}/disable")
    page = page_text(asked)
    assert "Disable line? Nothing has been changed yet." in page
    assert "until line is enabled again or another notifier is chosen in the settings." in page
    assert "2 codes were requested by SMS in the last 24 hours." in page
    assert "2 messages wait to be sent through line and won't be." in page
    assert staff.post(f"{line}/disable", hidden(asked)).status_code == 303
    assert caller.count(Delivery, status="failed", notifier_id=3) == 2
    assert "line is disabled. No code can be sent by SMS until you enable it" in page_text(staff.get(NOTIFIERS))


def test_one_that_is_disabled_already_or_not_in_force_is_not_asked_about(
    staff: Browser, caller: Caller, world: World, line: str
) -> None:
    assert staff.post(f"{NOTIFIERS}/sms/1/disable").status_code == 303
    world.set_enabled(3, False)
    assert staff.post(f"{line}/disable").status_code == 303


def test_a_session_that_ends_while_the_page_asks_disables_nothing(staff: Browser, caller: Caller, line: str) -> None:
    asked = staff.post(f"{line}/disable")
    staff.post("/sign-out")
    ended = staff.post(f"{line}/disable", hidden(asked), csrf=False, headers=OURS)
    sign_in_again(staff, ended)
    page = page_text(staff.get(line))
    assert "Nothing was changed. Do it again if you still want to." in page
    assert re.search(r"line SMS through IPPanel,.*? Enabled In use", page)
    assert caller.send().status_code == 201


# Programs


def test_the_api_never_asks(app: Flask, world: World, caller: Caller, line: str) -> None:
    token = world.staff_token(caller.project, 2812, 2813, email="program@example.org")
    fields = {"settings": {"from_number": "+983000506"}}
    assert ApiClient(app).call("PATCH", "/api/notifications/notifiers/sms/3", token, json=fields).status_code == 200
    assert sender(app) == "+983000506"
