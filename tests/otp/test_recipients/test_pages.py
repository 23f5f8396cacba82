"""The pages of test recipients: admins alone make and remove them, on the record, and everybody is told of them."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from sqlalchemy import select, update

from notifapp.access import Permission, Principal
from notifapp.database import close_connection, reading, table_of, writing
from notifapp.delivery.stopping import archive_project
from notifapp.otp.test_recipients.models import OtpTestRecipient
from notifapp.otp.test_recipients.service import MOST
from tests.audit.trail import events
from tests.client import Browser, page_text
from tests.clock import Clock
from tests.lists import rows
from tests.otp.caller import PHONE, make_caller
from tests.otp.test_recipients.conftest import CODE, PATH, Desk
from tests.world import World

MASKED = "+98••••••••67"
BANNER = "This project has"


def ids(desk: Desk) -> list[int]:
    with desk.caller.app.app_context(), reading() as connection:
        return list(connection.execute(select(OtpTestRecipient.id).order_by(OtpTestRecipient.id)).scalars())


def iranian(number: int) -> str:
    return f"+98912{1_000_000 + number:07d}"


def test_an_empty_list_leads_to_the_first_one(desk: Desk) -> None:
    page = desk.admin.get(PATH)
    assert "No test recipients" in page.text
    assert f'href="{PATH}/new">Add the first one</a>' in page.text


def test_one_that_was_added_is_listed_with_its_code(desk: Desk) -> None:
    desk.caller.set_phone_region("IR")
    answer = desk.admin.post(
        f"{PATH}/new",
        {"recipient": " 0912 123 4567 ", "code": "۳۱۴-۱۵۹", "outcome": "slow", "ends_on": "2026-11-30"},
        follow_redirects=True,
    )
    assert f"{MASKED} is a test recipient now. Nothing is sent to it." in answer.text
    [row] = rows(answer.text)
    assert (row.title, row.small) == (PHONE, "SMS, by admin@example.org")
    assert "314159 Slow 2026-11-30 Active" in row.text


def test_the_limits_page_and_the_overview_lead_there(desk: Desk) -> None:
    for path in ("/projects/shop/limits", "/projects/shop"):
        assert f'href="{PATH}"' in desk.admin.get(path).text


def test_the_audit_trail_names_who_and_whom_but_never_the_code(desk: Desk) -> None:
    desk.add()
    answer = desk.admin.post(f"{PATH}/{ids(desk)[0]}/remove")
    assert answer.status_code == 303
    added, removed = events(desk.caller.app, "test_recipient_added", "test_recipient_removed")
    for event in (added, removed):
        assert (event.actor, event.subject, event.project_id) == ("admin@example.org", MASKED, desk.caller.project.id)
    assert added.detail == {"channel": "sms", "outcome": "delivered", "ends_at": "2026-12-24T23:59:59.999999Z"}
    assert removed.detail == {"channel": "sms", "outcome": "delivered"}


def test_removing_is_asked_first_and_makes_it_a_recipient_like_any_other(desk: Desk) -> None:
    desk.add()
    page = desk.admin.get(f"{PATH}/{ids(desk)[0]}/remove")
    assert "real messages are sent to it from then on" in page.text
    assert CODE not in page.text
    desk.admin.post(f"{PATH}/{ids(desk)[0]}/remove")
    assert ids(desk) == []
    assert len(desk.caller.open()[1]) == 5
    assert desk.admin.post(f"{PATH}/1/remove").status_code == 404


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("recipient", "", "Fill in this field."),
        ("recipient", "nobody@", "email"),
        ("recipient", "12", "phone number"),
        ("recipient", "x" * 300, "at most 254 characters"),
        ("code", "", "Enter 4 to 10 digits."),
        ("code", "123", "Enter 4 to 10 digits."),
        ("code", "12345678901", "Enter 4 to 10 digits."),
        ("code", "12a45", "Enter 4 to 10 digits."),
        ("code", "١٢٣²", "Enter 4 to 10 digits."),
        ("outcome", "lost", "Choose one from the list."),
        ("outcome", "", "Choose one from the list."),
        ("ends_on", "", "Enter a day as YYYY-MM-DD."),
        ("ends_on", "tomorrow", "Enter a day as YYYY-MM-DD."),
        ("ends_on", "2026-11-22", "Enter a day from 2026-11-23 to 2027-11-23."),
        ("ends_on", "2027-11-24", "Enter a day from 2026-11-23 to 2027-11-23."),
        ("ends_on", "9999-12-31", "Enter a day from 2026-11-23 to 2027-11-23."),
    ],
)
def test_what_can_not_be_is_refused_beside_its_field(desk: Desk, field: str, value: str, message: str) -> None:
    fields = {"recipient": PHONE} | {field: value}
    answer = desk.post(**fields)
    assert answer.status_code == 400
    error = answer.text.partition(f'id="{field}-error"')[2].partition("</div>")[0]
    assert message in error
    assert ids(desk) == []


def test_days_are_those_of_the_persons_time_zone(desk: Desk, time: Clock) -> None:
    desk.admin.client.set_cookie("tz", "Asia/Tehran")
    time.advance(9 * 3600)  # after midnight there
    desk.admin.sign_in(desk.admin_id)
    assert desk.post(ends_on="2026-11-23").status_code == 400
    desk.add(ends_on="2026-11-24")
    [event] = events(desk.caller.app, "test_recipient_added")
    assert event.detail["ends_at"] == "2026-11-24T20:29:59.999999Z"


def test_one_recipient_is_on_the_list_once_however_it_is_written(desk: Desk) -> None:
    desk.add()
    answer = desk.post("+98 (912) 123-4567", code="271828")
    assert answer.status_code == 400
    assert "This is a test recipient already. Remove it first to change it." in answer.text
    assert "271828" in answer.text, "what was typed stays"


def test_a_project_has_no_more_than_twenty_in_force_however_many_ask_at_once(desk: Desk, time: Clock) -> None:
    desk.add(ends_on="2026-11-23")
    time.advance(days=1)
    desk.admin.sign_in(desk.admin_id)
    for number in range(MOST - 2):
        desk.add(iranian(number))
    found: list[int] = []

    def add(number: int) -> None:
        found.append(replace(desk, admin=desk.sign_in()).post(iranian(number)).status_code)
        with desk.caller.app.app_context():
            close_connection()

    threads = [threading.Thread(target=add, args=[100 + number]) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [303, 303, 409, 409, 409]
    answer = desk.post(iranian(200))
    assert answer.status_code == 409
    assert "This project has 20 test recipients already. Remove one first." in answer.text


def test_an_open_desk_makes_none(desk: Desk, time: Clock) -> None:
    time.advance(601)
    for answer in (desk.admin.get(f"{PATH}/new"), desk.post()):
        assert answer.headers.get("Location", "").startswith("/account/confirm")
    assert ids(desk) == []


def test_everybody_who_sees_the_project_is_told_while_there_are_any(desk: Desk, world: World, time: Clock) -> None:
    reads = world.member(desk.caller.project, Permission.NOTIFICATIONS_SETTINGS_READ, email="reader@example.org")
    plain = world.member(desk.caller.project, email="plain@example.org")
    pages = [
        (Browser(desk.caller.app).sign_in(reads), ("/projects/shop", "/projects/shop/settings")),
        (Browser(desk.caller.app).sign_in(plain), ("/projects/shop",)),
        (desk.admin, ("/projects/shop", "/projects/shop/settings")),
    ]

    def told() -> set[bool]:
        return {BANNER in page_text(browser.get(path)) for browser, paths in pages for path in paths}

    assert told() == {False}
    desk.add(ends_on="2026-11-23")
    assert told() == {True}
    page = page_text(pages[0][0].get("/projects/shop"))
    assert "This project has 1 test recipient Its code is fixed and never sent, until 2026-11-23 23:59." in page
    assert "See who" not in page
    assert "See who" in desk.admin.get("/projects/shop").text
    time.advance(days=1)
    pages = [(desk.admin.sign_in(desk.admin_id), ("/projects/shop", "/projects/shop/settings"))]
    assert told() == {False}
    [row] = rows(desk.admin.get(PATH).text)
    assert "Ended" in row.text


def test_another_projects_are_not_listed_removed_or_told_of(desk: Desk, world: World) -> None:
    desk.add()
    make_caller(desk.caller.app, world, "other")
    theirs = PATH.replace("shop", "other")
    assert "No test recipients" in desk.admin.get(theirs).text
    assert desk.admin.get(f"{theirs}/{ids(desk)[0]}/remove").status_code == 404
    assert desk.admin.post(f"{theirs}/{ids(desk)[0]}/remove").status_code == 404
    assert BANNER not in desk.admin.get("/projects/other").text
    assert len(ids(desk)) == 1


def test_an_archived_project_keeps_its_list_as_it_is(desk: Desk) -> None:
    desk.add()
    with desk.caller.app.app_context():
        archive_project(desk.caller.project.id, principal=Principal.operator())
    page = desk.admin.get(PATH)
    assert PHONE in page.text
    assert f"{PATH}/new" not in page.text
    assert desk.post("+989351234599").status_code == 409
    assert desk.admin.post(f"{PATH}/{ids(desk)[0]}/remove").status_code == 409
    assert len(ids(desk)) == 1


def test_what_is_stored_tells_neither_the_code_nor_the_recipient(desk: Desk) -> None:
    desk.add()
    with desk.caller.app.app_context(), reading() as connection:
        row = connection.execute(select(table_of(OtpTestRecipient))).one()
    assert PHONE not in str(row)
    assert CODE not in str(row)


def test_what_can_not_be_decrypted_can_still_be_removed(desk: Desk) -> None:
    desk.add()
    with desk.caller.app.app_context(), writing() as connection:
        connection.execute(update(OtpTestRecipient).values(address="g1.none.none", code="g1.none.none"))
    assert "Can't be decrypted" in page_text(desk.admin.get(PATH))
    assert desk.admin.post(f"{PATH}/{ids(desk)[0]}/remove").status_code == 303
    assert ids(desk) == []


def test_the_deliveries_and_try_it_say_that_it_is_a_test_recipient(desk: Desk) -> None:
    desk.add()
    answer = desk.admin.post("/projects/shop/try", {"channel": "sms", "recipient": PHONE})
    desk.work()
    page = page_text(desk.admin.get(answer.headers["Location"]))
    assert f"Test recipient: nothing was sent Enter the code that an admin has fixed for {MASKED}." in page
    assert CODE not in page
    [row] = [row for row in rows(desk.admin.get("/projects/shop/deliveries").text) if row.title == MASKED]
    assert row.small == "Code for a test recipient"
    assert "Delivered" in row.text
    assert "Test recipient SMS" in row.text


def test_what_tests_do_tells_nothing_of_how_sending_goes(desk: Desk, time: Clock) -> None:
    desk.add(outcome="refused")
    desk.add("+989351234599", outcome="slow")
    for recipient in (PHONE, "+989351234599"):
        challenge = desk.caller.send(recipient).get_json()["id"]
        desk.work()
        assert desk.caller.verify(challenge, CODE).status_code == 200
    time.advance(20)
    page = page_text(desk.admin.get("/projects/shop"))
    assert "Last code sent Never Last code verified Never Oldest message waiting None" in page
    assert "failed" not in page
    assert "waiting longer than usual" not in page
