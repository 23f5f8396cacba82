"""What codes say: templates, their rules, previews and segments, and the page where they are written."""

from __future__ import annotations

import pytest

from notifapp.access import Permission
from notifapp.message_templates.service import Template, compose, problems, segments
from tests.client import Browser
from tests.otp.caller import EMAIL, Caller
from tests.world import World

PATH = "/projects/shop/messages"


def body_of(template: Template, **values: object) -> str:
    return compose(template, **{"code": "01234", "ttl": 120, "project_name": "Shop", **values}).body  # type: ignore[arg-type]


def test_the_default_message() -> None:
    assert body_of(Template()) == "01234 is your code for Shop. It is valid for 2 minutes."


@pytest.mark.parametrize(("ttl", "minutes"), [(30, "1"), (60, "1"), (61, "2"), (3600, "60")])
def test_a_part_of_a_minute_counts_as_one(ttl: int, minutes: str) -> None:
    assert body_of(Template("{code} {minutes}"), ttl=ttl) == f"01234 {minutes}"


def test_the_last_line_for_autofill_is_exact() -> None:
    assert body_of(Template("Code: {code}", "shop.example.com")).split("\n") == [
        "Code: 01234",
        "",
        "@shop.example.com #01234",
    ]


@pytest.mark.parametrize("name", ["{minutes}", "{code} {project.__class__}"])
def test_a_project_named_like_a_placeholder_stays_a_name(name: str) -> None:
    assert body_of(Template("{code} {project}"), project_name=name) == f"01234 {name}"


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("", "Write the message."),
        ("x" * 601, "Use at most 600 characters."),
        ("Your code", "The message needs {code}"),
        ("{code} {name}", "Only {code}, {minutes} and {project} can be put in."),
        ("{code} {}", "Only {code}"),
        ("{code.__class__}", "Only {code}"),
        ("{code[0]}", "Only {code}"),
        ("{code!r}", "Only {code}"),
        ("{code:>20}", "Only {code}"),
        ("{code} {", "A brace stands alone."),
        ("{code} }", "A brace stands alone."),
    ],
)
def test_a_message_that_cant_be_sent_is_refused(body: str, problem: str) -> None:
    assert problems(Template(body))["body"][0].startswith(problem)


@pytest.mark.parametrize(
    "host",
    ["https://shop.example.com", "shop.example.com/x", "shop", "-shop.example.com", "127.0.0.1", "sh op.example.com",
     "shop.example.com:443", "a." * 127 + "com", "shop..example.com", "shop.example.com\n#1"],
)  # fmt: skip
def test_an_autofill_host_that_browsers_would_not_match_is_refused(host: str) -> None:
    assert "autofill_host" in problems(Template("{code}", host))


@pytest.mark.parametrize(
    ("text", "encoding", "length", "count"),
    [
        ("a" * 160, "GSM-7", 160, 1),
        ("a" * 161, "GSM-7", 161, 2),
        ("a" * 306, "GSM-7", 306, 2),
        ("a" * 307, "GSM-7", 307, 3),
        ("€" * 80, "GSM-7", 160, 1),
        ("a" * 152 + "€" + "a" * 152, "GSM-7", 306, 3),
        ("م" * 70, "UCS-2", 70, 1),
        ("م" * 71, "UCS-2", 71, 2),
        ("م" * 134, "UCS-2", 134, 2),
        ("م" * 135, "UCS-2", 135, 3),
        ("😀" * 35, "UCS-2", 70, 1),
        ("م" * 66 + "😀" + "م" * 66, "UCS-2", 134, 3),
    ],
)
def test_segments_are_counted_as_gateways_cut(text: str, encoding: str, length: int, count: int) -> None:
    found = segments(text)
    assert (found.encoding, found.length, found.count) == (encoding, length, count)


@pytest.fixture
def staff(caller: Caller, world: World, browser: Browser) -> Browser:
    codes = (Permission.NOTIFICATIONS_SETTINGS_READ, Permission.NOTIFICATIONS_SETTINGS_UPDATE)
    return browser.sign_in(world.member(caller.project, *codes))


def form(body: str, host: str = "", channel: str = "sms", **more: str) -> dict[str, str]:
    return {f"{channel}-body": body, f"{channel}-autofill_host": host, **more}


def test_the_page_previews_each_message_at_the_chosen_length(staff: Browser, caller: Caller) -> None:
    caller.change_settings(otp_code_len=8)
    for path in (PATH, "/projects/shop/settings"):
        page = staff.get(path).text
        assert page.count("48172039 is your code for Shop. It is valid for 2 minutes.") == 2
        assert "GSM-7, 58 characters," in page
        assert "1 segment" in page


def test_a_saved_message_is_what_is_sent(staff: Browser, caller: Caller) -> None:
    answer = staff.post(f"{PATH}/sms", form("کد شما: {code}", "Shop.Example.com "), follow_redirects=True)
    assert "SMS message saved." in answer.text
    assert "UCS-2" in answer.text
    _, code = caller.open()
    assert caller.last_message()["body"] == f"کد شما: {code}\n\n@shop.example.com #{code}"
    _, code = caller.open(EMAIL, "email")
    assert caller.last_message()["body"].startswith(f"{code} is your code")


def test_a_preview_saves_nothing(staff: Browser, caller: Caller) -> None:
    page = staff.post(f"{PATH}/email", form("Use {code} now", channel="email", preview="1"))
    assert (page.status_code, "Use 48172 now" in page.text, "Not saved yet." in page.text) == (200, True, True)
    assert "Use 48172 now" not in staff.get(PATH).text


def test_what_is_wrong_is_said_beside_the_field(staff: Browser) -> None:
    answer = staff.post(f"{PATH}/sms", form("no code", "x"))
    assert answer.status_code == 400
    assert "The message needs {code}" in answer.text
    assert "Give a host name" in answer.text
    assert ">no code</textarea>" in answer.text.replace("\r", "").replace("\n", "")


def test_saving_is_audited_once_and_the_default_again_counts_as_none(
    staff: Browser, caller: Caller, world: World
) -> None:
    for _ in range(2):
        staff.post(f"{PATH}/sms", form("{code} only"))
    staff.post(f"{PATH}/sms", form(Template().body))
    admin = Browser(caller.app).sign_in(world.admin())
    trail = admin.get("/audit?action=message_template_changed").text
    assert trail.count("{code} only") == 2  # once as what it became, once as what it was


def test_who_may_only_read_the_settings_sees_the_messages(caller: Caller, world: World, browser: Browser) -> None:
    browser.sign_in(world.member(caller.project, Permission.NOTIFICATIONS_SETTINGS_READ))
    page = browser.get(PATH)
    assert (page.status_code, "<textarea" in page.text) == (200, False)
    assert browser.post(f"{PATH}/sms", form("{code}")).status_code == 403
    browser.sign_in(world.member(caller.project, Permission.OTP_SEND, email="x@example.org"))
    assert browser.get(PATH).status_code == 403
