"""What codes say: templates, their rules, previews and segments, and the page where they are written."""

from __future__ import annotations

import re
from html import unescape

import pytest

from notifapp.access import Permission
from notifapp.message_templates.rendering import compose
from notifapp.message_templates.segments import segments
from notifapp.message_templates.values import DEFAULT_BODY, DEFAULT_SUBJECT, Template, problems
from tests.client import Browser, page_text
from tests.lists import rows
from tests.otp.caller import EMAIL, Caller
from tests.world import World

PATH = "/projects/shop/messages"


def body_of(template: Template, **values: object) -> str:
    return compose(template, **{"code": "01234", "ttl": 120, "project_name": "Shop", **values}).body  # type: ignore[arg-type]


def test_the_default_message() -> None:
    assert body_of(Template()) == "01234 is your code for Shop. It is valid for 2 minutes."


@pytest.mark.parametrize(
    ("ttl", "validity"),
    [
        (30, "30 seconds"),
        (60, "1 minute"),
        (90, "90 seconds"),
        (119, "119 seconds"),
        (120, "2 minutes"),
        (121, "2 minutes 1 second"),
        (150, "2 minutes 30 seconds"),
        (3600, "60 minutes"),
    ],
)
def test_the_validity_is_told_exactly_with_the_right_plurals(ttl: int, validity: str) -> None:
    assert body_of(Template("{code} {validity}"), ttl=ttl) == f"01234 {validity}"
    assert compose(Template(subject="{validity}"), code="01234", ttl=ttl, project_name="Shop").subject == validity


@pytest.mark.parametrize(("ttl", "minutes"), [(59, "0"), (60, "1"), (90, "1"), (119, "1"), (120, "2"), (3600, "60")])
def test_minutes_never_promise_more_than_the_code_lives(ttl: int, minutes: str) -> None:
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
        ("{code} {name}", "Unknown placeholder {name}. You can use {code}, {project}, {validity} and {minutes}."),
        ("{code} {}", "Unknown placeholder {}."),
        ("{code.__class__}", "Unknown placeholder {code.__class__}."),
        ("{code[0]}", "Unknown placeholder {code[0]}."),
        ("{code!r}", "You can use {code}, {project}, {validity} and {minutes}."),
        ("{code:>20}", "You can use {code}"),
        ("{code} {", "Unmatched { or }. To show a brace, double it. You can use {code}, {project}, {validity} and"),
        ("{code} }", "Unmatched { or }. To show a brace, double it."),
    ],
)
def test_a_message_that_cant_be_sent_is_refused(body: str, problem: str) -> None:
    assert problems(Template(body))["body"][0].startswith(problem)


@pytest.mark.parametrize(
    ("subject", "problem"),
    [
        ("", "Enter a subject."),
        ("x" * 151, "Use at most 150 characters."),
        ("Your\ncode", "Write the subject on one line."),
        ("Your code\r\nBcc: thief@example.com", "Write the subject on one line."),
        ("{minutes}", "Unknown placeholder {minutes}. You can use {code}, {project} and {validity}."),
        ("{project", "Unmatched { or }."),
    ],
)
def test_a_subject_that_cant_be_sent_is_refused(subject: str, problem: str) -> None:
    assert problems(Template(subject=subject))["subject"][0].startswith(problem)


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


def card(channel: str, version: int = 0, body: str = DEFAULT_BODY, host: str = "", subject: str = "") -> dict[str, str]:
    """What a channel's card posts; untouched but for what is given."""
    fields = {"version": str(version), "body": body, "autofill_host": host}
    if channel == "email":
        fields["subject"] = subject or DEFAULT_SUBJECT
    return {f"{channel}-{name}": value for name, value in fields.items()}


def sms(body: str = DEFAULT_BODY, version: int = 0, **more: str) -> dict[str, str]:
    """Save the SMS message; the email's card is untouched."""
    return card("sms", version, body, **more) | card("email") | {"save": "sms"}


def email(body: str = DEFAULT_BODY, version: int = 0, **more: str) -> dict[str, str]:
    """Save the email message; the card of SMS is untouched."""
    return card("sms") | card("email", version, body, **more) | {"save": "email"}


def test_the_page_previews_each_message_at_the_chosen_length(staff: Browser, caller: Caller) -> None:
    caller.change_settings(otp_code_len=8)
    for path in (PATH, "/projects/shop/settings"):
        page = staff.get(path).text
        assert page.count("48172039 is your code for Shop. It is valid for 2 minutes.") == 2
        assert "GSM-7, 58 characters," in page
        assert "1 segment" in page
        assert "Your code for Shop" in page


def test_a_saved_message_is_what_is_sent(staff: Browser, caller: Caller) -> None:
    answer = staff.post(PATH, sms("کد شما: {code}", host="Shop.Example.com "), follow_redirects=True)
    assert "SMS message saved." in answer.text
    assert "UCS-2" in answer.text
    _, code = caller.open()
    assert caller.last_message()["body"] == f"کد شما: {code}\n\n@shop.example.com #{code}"
    _, code = caller.open(EMAIL, "email")
    assert caller.last_message()["body"].startswith(f"{code} is your code")


def test_the_emails_subject_is_written_previewed_and_sent(staff: Browser, caller: Caller) -> None:
    caller.change_settings(otp_ttl=90)
    subject = "{code}: {project}, {validity}"
    typed = email(subject=subject) | {"save": "", "preview": "1"}
    assert "48172: Shop, 90 seconds" in staff.post(PATH, typed).text
    assert "Email message saved." in staff.post(PATH, email(subject=subject), follow_redirects=True).text
    _, code = caller.open(EMAIL, "email")
    assert caller.last_message()["subject"] == f"{code}: Shop, 90 seconds"


def test_a_message_is_true_about_a_code_of_ninety_seconds(staff: Browser, caller: Caller) -> None:
    caller.change_settings(otp_ttl=90)
    _, code = caller.open()
    assert caller.last_message()["body"] == f"{code} is your code for Shop. It is valid for 90 seconds."
    assert caller.last_message()["variables"] == {
        "code": code, "minutes": "1", "validity": "90 seconds", "project": "Shop",
    }  # fmt: skip


def test_the_editor_warns_where_minutes_cant_be_true(staff: Browser, caller: Caller) -> None:
    staff.post(PATH, sms("{code}, {minutes} minutes"))
    warning = "Codes are valid for 30 seconds, but {minutes} says 0."
    assert warning not in staff.get(PATH).text
    caller.change_settings(otp_ttl=30)
    page = staff.get(PATH).text
    assert re.search(r'id="sms-body-warning".*?' + re.escape(warning), page, re.DOTALL)
    assert "sms-body-warning" in re.search(r'<textarea[^>]*id="sms-body"[^>]*>', page)[0]  # type: ignore[index]
    assert "email-body-warning" not in page
    assert warning in staff.get("/projects/shop/settings").text
    typed = sms("{code}, {minutes}!", version=1)
    assert warning in staff.post(PATH, typed | {"save": "", "preview": "1"}).text
    assert "SMS message saved." in staff.post(PATH, typed, follow_redirects=True).text


def test_message_texts_take_the_direction_of_their_script(staff: Browser, caller: Caller) -> None:
    staff.post(PATH, sms("کد شما: {code}"))
    page = staff.get(PATH).text
    assert re.search(r'<textarea[^>]*dir="auto"[^>]*>', page)
    assert re.search(r'class="message-text" dir="auto">\s*کد شما: 48172', page)
    caller.open()
    assert "<bdi>کد شما: {code}</bdi>" in staff.get(f"{PATH}/sms/history").text


def test_a_preview_saves_nothing(staff: Browser) -> None:
    page = staff.post(PATH, email("Use {code} now") | {"save": "", "preview": "1"})
    assert (page.status_code, "Use 48172 now" in page.text, "Not saved yet." in page.text) == (200, True, True)
    assert "Use 48172 now" not in staff.get(PATH).text


def test_what_is_wrong_is_said_beside_the_field(staff: Browser) -> None:
    answer = staff.post(PATH, sms("no code", host="x"))
    assert answer.status_code == 400
    assert "The message needs {code}" in answer.text
    assert "Give a host name" in answer.text
    assert typed_text(answer.text, "sms-body") == "no code"


def test_saving_one_message_keeps_what_was_typed_for_the_other(staff: Browser) -> None:
    for saved in (card("sms", body="{code} first") | {"save": "sms"}, card("sms", body="no code") | {"save": "sms"}):
        answer = staff.post(PATH, card("email", body="Half wri", subject="Also half") | saved)
        assert typed_text(answer.text, "email-body") == "Half wri"
        assert 'value="Also half"' in answer.text
        assert "Not saved yet." in answer.text
    assert "{code} first" in staff.get(PATH).text


def test_saving_both_messages_one_after_the_other_goes_back_to_the_page(staff: Browser) -> None:
    typed = card("sms", body="{code} one") | card("email", body="{code} two")
    assert staff.post(PATH, typed | {"save": "sms"}).status_code == 200
    again = card("sms", 1, body="{code} one") | card("email", body="{code} two")
    assert staff.post(PATH, again | {"save": "email"}).status_code == 303


def test_a_second_tab_gets_the_conflict_and_keeps_what_was_typed(staff: Browser, caller: Caller) -> None:
    staff.post(PATH, email("{code} from the first tab"))
    answer = staff.post(PATH, email(subject="From the second tab"))
    assert answer.status_code == 409
    page = page_text(answer)
    assert "The email message has changed since you opened it" in page
    assert "Your changes have not been saved." in page
    assert "staff@example.org on this site" in page
    assert "{code} from the first tab" in page
    assert 'value="From the second tab"' in answer.text
    assert typed_text(answer.text, "email-body") == "{code} from the first tab"
    assert re.search(r'name="email-version"[^>]*value="1"', answer.text)
    again = email("{code} from the first tab", 1, subject="From the second tab")
    assert staff.post(PATH, again).status_code == 303
    caller.open(EMAIL, "email")
    assert caller.last_message()["subject"] == "From the second tab"


@pytest.mark.parametrize("version", ["-1", "x", "", "999999999999999999", "٣"])
def test_a_tampered_version_is_a_conflict(staff: Browser, version: str) -> None:
    assert staff.post(PATH, sms("{code}!") | {"sms-version": version}).status_code == 409
    assert "{code}!" not in staff.get(PATH).text


def test_the_history_of_a_message_is_told_and_an_old_version_restored(staff: Browser, caller: Caller) -> None:
    history = f"{PATH}/sms/history"
    assert "No changes yet" in staff.get(history).text
    staff.post(PATH, sms("{code} one"))
    staff.post(PATH, sms("{code} two", version=1))
    changes = rows(staff.get(history).text)
    assert [change.title.split()[0] for change in changes] == ["2", "1"]
    assert "from {code} one → to {code} two" in changes[0].text
    assert "staff@example.org on this site" in page_text(staff.get(history))
    assert "No changes yet" in staff.get(f"{PATH}/email/history").text

    confirm = staff.get(f"{history}/1/restore")
    assert "from {code} two → to {code} one" in page_text(confirm)
    assert staff.post(f"{history}/1/restore", {"version": "1"}).status_code == 409
    restored = staff.post(f"{history}/1/restore", {"version": "2"}, follow_redirects=True)
    assert "SMS message saved." in restored.text
    assert "Restored version 1" in rows(staff.get(history).text)[0].text
    _, code = caller.open()
    assert caller.last_message()["body"] == f"{code} one"
    assert staff.get(f"{history}/9/restore").status_code == 404
    staff.post(f"{history}/0/restore", {"version": "3"})
    assert "It is valid for 2 minutes." in staff.get(PATH).text


def test_a_long_history_is_paged(staff: Browser) -> None:
    for version in range(21):
        staff.post(PATH, sms(f"{{code}} {version}", version))
    page = staff.get(f"{PATH}/sms/history").text
    assert len(rows(page)) == 20
    older = re.search(r'rel="next" href="([^"]+)"', page)
    assert older
    assert [row.title for row in rows(staff.get(older[1]).text)] == ["1"]


def test_saving_is_audited_once(staff: Browser, caller: Caller, world: World) -> None:
    staff.post(PATH, sms("{code} only"))
    assert "Nothing to save" in staff.post(PATH, sms("{code} only", version=1), follow_redirects=True).text
    staff.post(PATH, sms(version=1))
    admin = Browser(caller.app).sign_in(world.admin())
    trail = admin.get("/audit?action=message_template_changed").text
    assert trail.count("{code} only") == 2  # once as what it became, once as what it was
    assert "SMS, version 2" in trail


def test_renaming_a_project_says_beforehand_that_customers_texts_change(
    staff: Browser, caller: Caller, world: World
) -> None:
    admin = Browser(caller.app).sign_in(world.admin())
    rename = "/projects/shop/rename"
    assert "it is part of the SMS and the email messages that they receive" in page_text(admin.get(rename))
    staff.post(PATH, sms("{code}"))
    assert "it is part of the email message that they receive" in page_text(admin.get(rename))
    staff.post(PATH, email("{code}", subject="Your code"))
    assert "Customers read this name" not in admin.get(rename).text


def test_who_may_only_read_the_settings_sees_the_messages(caller: Caller, world: World, browser: Browser) -> None:
    browser.sign_in(world.member(caller.project, Permission.NOTIFICATIONS_SETTINGS_READ))
    page = browser.get(PATH)
    assert (page.status_code, "<textarea" in page.text) == (200, False)
    assert browser.get(f"{PATH}/sms/history").status_code == 200
    assert browser.get(f"{PATH}/sms/history/0/restore").status_code == 403
    assert browser.post(f"{PATH}/sms/history/0/restore", {"version": "0"}).status_code == 403
    assert browser.post(PATH, sms("{code}")).status_code == 403
    browser.sign_in(world.member(caller.project, Permission.OTP_SEND, email="x@example.org"))
    assert browser.get(PATH).status_code == 403
    assert browser.get(f"{PATH}/sms/history").status_code == 403


def test_who_may_only_update_saves_but_never_sees(caller: Caller, world: World, browser: Browser) -> None:
    browser.sign_in(world.member(caller.project, Permission.NOTIFICATIONS_SETTINGS_UPDATE))
    saved = browser.post(PATH, card("email", body="typed") | card("sms", body="{code}") | {"save": "sms"})
    assert (saved.status_code, saved.location) == (303, "/projects/shop")
    assert browser.post(PATH, sms("no")).status_code == 403


def typed_text(page: str, field: str) -> str:
    """What stands in a textarea."""
    found = re.search(rf'<textarea[^>]*id="{field}"[^>]*>(.*?)</textarea>', page, re.DOTALL)
    assert found
    return unescape(found[1]).strip()
