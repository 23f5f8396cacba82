"""The notifiers' JSON endpoints, as a client of the original platform calls them."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from werkzeug.test import TestResponse

from notifapp.access import ProjectRef
from notifapp.extensions import db
from tests.client import ApiClient
from tests.world import World, stored_secrets

SMS = "/api/notifications/notifiers/sms"
EMAIL = "/api/notifications/notifiers/email"
ALL_CODES = (2811, 2812, 2813, 2831, 2832, 2833)
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")

IPPANEL = {
    "name": "ippanel_one",
    "backend": "ippanel",
    "settings": {"token": "t0p-s3cret", "from_number": "+983000505"},
}
SHOWN = {
    "token": None, "has_token": True, "from_number": "+983000505", "pattern_code": "", "pattern_variables": "code",
}  # fmt: skip
SMTP = {
    "name": "moeinmail", "host": "smtp.example.com", "username": "shop", "password": "t0p-s3cret",
    "from_email": "shop@example.com",
}  # fmt: skip


@pytest.fixture
def project(world: World) -> ProjectRef:
    return world.project("shop")


@pytest.fixture
def token(world: World, project: ProjectRef) -> str:
    return world.staff_token(project, *ALL_CODES)


def create(api: ApiClient, token: str, path: str = SMS, **changes: Any) -> Any:
    body = {**(IPPANEL if path == SMS else SMTP), **changes}
    answer = api.call("POST", path, token, json=body)
    assert answer.status_code == 201, answer.text
    return answer.get_json()


def stored(app: Flask, sql: str) -> list[Any]:
    with app.app_context(), db.engine.connect() as connection:
        return list(connection.execute(text(sql)).all())


def events(app: Flask) -> list[str]:
    return [row.action for row in stored(app, "SELECT action FROM audit_event ORDER BY id")]


def error(answer: TestResponse) -> Any:
    assert answer.status_code == 400, answer.text
    return answer.get_json()


# Creating and reading


def test_an_sms_notifier_is_created_and_read_back(api: ApiClient, token: str, app: Flask) -> None:
    made = create(api, token)
    assert list(made) == ["id", "name", "backend", "settings", "proven_at", "created_at", "updated_at"]
    assert made["settings"] == SHOWN
    assert (made["name"], made["backend"]) == ("ippanel_one", "ippanel")
    assert TIME.fullmatch(made["created_at"])
    assert TIME.fullmatch(made["updated_at"])
    assert api.call("GET", f"{SMS}/{made['id']}", token).get_json() == made
    assert api.call("GET", SMS, token).get_json()["results"] == [made]
    assert events(app) == ["notifier_created"]


def test_an_email_notifier_is_created_with_the_defaults(api: ApiClient, token: str) -> None:
    made = create(api, token, EMAIL)
    assert list(made) == [
        "id", "name", "backend", "host", "port", "username", "password", "has_password", "from_email",
        "use_tls", "use_ssl", "fail_silently", "proven_at", "created_at", "updated_at",
    ]  # fmt: skip
    assert made["backend"] == "smtp"
    assert (made["port"], made["use_tls"], made["use_ssl"], made["fail_silently"]) == (587, True, False, False)
    assert (made["password"], made["has_password"]) == (None, True)
    assert api.call("GET", f"{EMAIL}/{made['id']}", token).get_json() == made


def test_an_email_notifier_of_another_backend_has_no_smtp_values(
    api: ApiClient, token: str, world: World, project: ProjectRef
) -> None:
    notifier_id = world.notifier(project, "email", "console")
    shown = api.call("GET", f"{EMAIL}/{notifier_id}", token).get_json()
    assert (shown["backend"], shown["host"], shown["password"], shown["has_password"]) == ("console", None, None, False)


def test_form_bodies_are_read_too(api: ApiClient, token: str) -> None:
    answer = api.call("POST", EMAIL, token, data={**SMTP, "port": "465", "use_tls": "false", "use_ssl": "true"})
    assert answer.status_code == 201
    assert (answer.get_json()["port"], answer.get_json()["use_ssl"]) == (465, True)


def test_a_trailing_slash_is_served_alike(api: ApiClient, token: str) -> None:
    made = api.call("POST", SMS + "/", token, json=IPPANEL)
    assert made.status_code == 201
    assert api.call("GET", f"{SMS}/{made.get_json()['id']}/", token).get_json() == made.get_json()
    assert api.call("GET", SMS + "/", token).get_json()["count"] == 1


# Input rules


def test_every_failing_field_of_an_sms_notifier_is_reported_at_once(api: ApiClient, token: str) -> None:
    body = {"name": "", "backend": "ippanel", "settings": {"from_number": "12", "bogus": 1}}
    assert error(api.call("POST", SMS, token, json=body)) == {
        "name": ["This field may not be blank."],
        "settings": {
            "token": ["This field is required."],
            "from_number": ["Enter a number with its country code, such as +983000505."],
            "bogus": ["Unknown setting. Known settings: token, from_number, pattern_code, pattern_variables."],
        },
    }


def test_name_and_backend_are_required(api: ApiClient, token: str) -> None:
    required = {"name": ["This field is required."], "backend": ["This field is required."]}
    assert error(api.call("POST", SMS, token, json={})) == required
    assert error(api.call("POST", SMS, token)) == required


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"name": None}, {"name": ["This field may not be null."]}),
        ({"name": ["a"]}, {"name": ["Not a valid string."]}),
        ({"name": "x" * 121}, {"name": ["Ensure this field has no more than 120 characters."]}),
        ({"backend": None}, {"backend": ["This field may not be null."]}),
        ({"settings": None}, {"settings": ["This field may not be null."]}),
        ({"settings": [1]}, {"settings": ['Expected a dictionary of items but got type "list".']}),
    ],
)
def test_bad_fields_are_named(api: ApiClient, token: str, fields: dict[str, Any], expected: object) -> None:
    assert error(api.call("POST", SMS, token, json={**IPPANEL, **fields})) == expected


@pytest.mark.parametrize("backend", ["smtp", "carrier-pigeon", "", 7, "\ud800"])
def test_a_backend_that_doesnt_carry_the_channel_is_refused(api: ApiClient, token: str, backend: object) -> None:
    [message] = error(api.call("POST", SMS, token, json={**IPPANEL, "backend": backend}))["backend"]
    assert "is not a valid choice" in message
    assert message.endswith("ippanel, melipayamak, kavenegar, twilio, webhook, apprise_sms, console.")


def test_email_errors_stand_beside_their_fields(api: ApiClient, token: str) -> None:
    assert error(api.call("POST", EMAIL, token, json={"name": "m", "use_ssl": True, "port": 0})) == {
        "host": ["This field is required."],
        "port": ["Ensure this value is greater than or equal to 1."],
        "username": ["This field is required."],
        "password": ["This field is required."],
        "from_email": ["This field is required."],
        "use_ssl": ["STARTTLS (use_tls) and TLS (use_ssl) can't both be on."],
    }


def test_a_mail_relay_may_have_no_login(api: ApiClient, token: str) -> None:
    made = create(api, token, EMAIL, username="", password="")
    assert (made["username"], made["password"], made["has_password"]) == ("", None, False)
    path = f"{EMAIL}/{made['id']}"
    for blank in ({}, {"password": ""}, {"password": None}):
        assert error(api.call("PATCH", path, token, json={"username": "shop", **blank})).keys() == {"password"}
    moved = api.call("PATCH", path, token, json={"host": "relay.example.net"})
    assert (moved.status_code, moved.get_json()["host"]) == (200, "relay.example.net")
    login = {"username": "shop", "password": "t0p-s3cret"}
    assert api.call("PATCH", path, token, json=login).get_json()["has_password"] is True
    assert error(api.call("PATCH", path, token, json={"host": "elsewhere.example.net"})).keys() == {"password"}
    removed = api.call("PATCH", path, token, json={"username": ""}).get_json()
    assert (removed["username"], removed["has_password"]) == ("", False)
    assert error(api.call("PATCH", path, token, json={"password": "t0p-s3cret"})) == {
        "username": ["Enter the user name, too, or leave both it and the password blank."]
    }


def test_unknown_fields_outside_the_settings_are_ignored(api: ApiClient, token: str) -> None:
    assert create(api, token, EMAIL, backend="console", id=99, bogus=1)["backend"] == "smtp"


def test_a_name_is_taken_once_per_project_and_channel(api: ApiClient, token: str, world: World) -> None:
    create(api, token, name="main")
    taken = {"name": ["A notifier with this name already exists."]}
    assert error(api.call("POST", SMS, token, json={**IPPANEL, "name": "main"})) == taken
    other = create(api, token, name="second")
    assert error(api.call("PATCH", f"{SMS}/{other['id']}", token, json={"name": "main"})) == taken
    create(api, token, EMAIL, name="main")
    elsewhere = world.staff_token(world.project("other"), *ALL_CODES, email="other@example.org")
    create(api, elsewhere, name="main")


# Updating


def test_patch_changes_what_is_given_and_keeps_the_secret(api: ApiClient, token: str, app: Flask) -> None:
    made = create(api, token)
    before = stored(app, "SELECT secrets FROM notifier")
    path = f"{SMS}/{made['id']}"
    changed = api.call("PATCH", path, token, json={"settings": {"from_number": "+983000606"}}).get_json()
    assert changed["settings"] == {**SHOWN, "from_number": "+983000606"}
    assert changed["name"] == "ippanel_one"
    assert changed["updated_at"] > made["updated_at"]
    assert changed["created_at"] == made["created_at"]
    assert len(stored(app, "SELECT secrets FROM notifier")) == len(before)
    assert stored_secrets(app) == [{"token": "t0p-s3cret"}]
    assert events(app) == ["notifier_created", "notifier_changed"]


@pytest.mark.parametrize("blank", [None, "", "  "])
def test_a_blank_secret_keeps_the_stored_one(api: ApiClient, token: str, app: Flask, blank: str | None) -> None:
    made = create(api, token, EMAIL)
    answer = api.call("PATCH", f"{EMAIL}/{made['id']}", token, json={"name": "renamed", "password": blank})
    assert answer.get_json()["name"] == "renamed"
    assert stored_secrets(app) == [{"password": "t0p-s3cret"}]


def test_what_was_read_can_be_sent_back(api: ApiClient, token: str, app: Flask) -> None:
    made = create(api, token)
    assert api.call("PATCH", f"{SMS}/{made['id']}", token, json=made).get_json() == made
    assert events(app) == ["notifier_created"]


def test_the_same_values_again_change_nothing(api: ApiClient, token: str, app: Flask) -> None:
    made = create(api, token, EMAIL)
    for body in ({}, SMTP, {"port": "587"}):
        assert api.call("PATCH", f"{EMAIL}/{made['id']}", token, json=body).get_json() == made
    assert events(app) == ["notifier_created"]


@pytest.mark.parametrize(
    "change",
    [{"host": "evil.example.org"}, {"port": 2525}, {"username": "x"}, {"use_tls": False, "use_ssl": True}],
)
def test_a_stored_password_never_goes_to_a_new_destination(
    api: ApiClient, token: str, app: Flask, change: dict[str, object]
) -> None:
    made = create(api, token, EMAIL)
    path = f"{EMAIL}/{made['id']}"
    refused = error(api.call("PATCH", path, token, json=change))
    assert list(refused) == ["password"]
    assert refused["password"][0].startswith("Give this again:")
    assert api.call("GET", path, token).get_json() == made
    answer = api.call("PATCH", path, token, json={**change, "password": "another-one"})
    assert answer.status_code == 200
    assert stored_secrets(app) == [{"password": "another-one"}]


def test_a_stored_signing_secret_never_goes_to_a_new_address(api: ApiClient, token: str) -> None:
    hook = {"url": "https://a.example.com/", "secret": "sixteen-characters"}
    made = create(api, token, name="hook", backend="webhook", settings=hook)
    path = f"{SMS}/{made['id']}"
    refused = error(api.call("PATCH", path, token, json={"settings": {"url": "https://b.example.com/"}}))
    assert list(refused["settings"]) == ["secret"]


def test_another_backend_starts_without_settings(api: ApiClient, token: str, app: Flask) -> None:
    made = create(api, token)
    path = f"{SMS}/{made['id']}"
    assert error(api.call("PATCH", path, token, json={"backend": "kavenegar"})) == {
        "settings": {"api_key": ["This field is required."]}
    }
    answer = api.call("PATCH", path, token, json={"backend": "kavenegar", "settings": {"api_key": "k"}})
    shown = answer.get_json()["settings"]
    assert (shown["api_key"], shown["has_api_key"], shown["sender"]) == (None, True, "")
    assert "from_number" not in shown
    assert stored_secrets(app) == [{"api_key": "k"}]


# Lists


def names(answer: TestResponse) -> list[str]:
    return [result["name"] for result in answer.get_json()["results"]]


def test_a_list_shows_the_valid_notifiers_of_the_project_and_channel(
    api: ApiClient, token: str, world: World, project: ProjectRef
) -> None:
    world.notifier(project, "sms", "on")
    disabled = world.notifier(project, "sms", "off", enabled=False)
    world.notifier(project, "email", "mail")
    world.notifier(world.project("other"), "sms", "foreign")
    answer = api.call("GET", SMS, token)
    assert names(answer) == ["on"]
    assert {key: answer.get_json()[key] for key in ("count", "next", "previous")} == {
        "count": 1, "next": None, "previous": None,
    }  # fmt: skip
    assert api.call("GET", f"{SMS}/{disabled}", token).get_json()["name"] == "off"


def test_a_list_is_cut_into_pages(api: ApiClient, token: str, world: World, project: ProjectRef) -> None:
    for number in range(25):
        world.notifier(project, "sms", f"n{number:02}")
    first = api.call("GET", SMS, token).get_json()
    assert (first["count"], len(first["results"])) == (25, 10)
    assert first["next"] == f"http://localhost{SMS}?limit=10&offset=10"
    assert first["previous"] is None
    second = api.call("GET", first["next"], token).get_json()
    assert second["results"][0]["name"] == "n10"
    assert second["previous"] == f"http://localhost{SMS}?limit=10"
    assert second["next"] == f"http://localhost{SMS}?limit=10&offset=20"
    last = api.call("GET", second["next"], token).get_json()
    assert (len(last["results"]), last["next"]) == (5, None)
    assert last["previous"] == f"http://localhost{SMS}?limit=10&offset=10"


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("limit=2", 2), ("limit=0", 10), ("limit=-1", 10), ("limit=x", 10), ("limit=1000", 12), ("limit=", 10),
        ("offset=11", 1), ("offset=-3", 10), ("offset=x", 10), ("offset=12", 0), ("offset=" + "9" * 40, 0),
        ("limit=" + "9" * 5000, 10), ("search=%00&ordering=-bogus,id;drop", 10),
    ],
)  # fmt: skip
def test_odd_slices_fall_back(
    api: ApiClient, token: str, world: World, project: ProjectRef, query: str, shown: int
) -> None:
    for number in range(12):
        world.notifier(project, "sms", f"n{number:02}")
    answer = api.call("GET", f"{SMS}?{query}", token)
    assert answer.status_code == 200
    assert (answer.get_json()["count"], len(answer.get_json()["results"])) == (12, shown)


def test_search_and_ordering(api: ApiClient, token: str, world: World, project: ProjectRef) -> None:
    for name in ("Main line", "Backup line", "100%"):
        world.notifier(project, "sms", name)
    assert names(api.call("GET", f"{SMS}?search=LINE&ordering=name", token)) == ["Backup line", "Main line"]
    assert names(api.call("GET", f"{SMS}?search=line,main", token)) == ["Main line"]
    assert names(api.call("GET", f"{SMS}?search=%25", token)) == ["100%"]
    assert names(api.call("GET", f"{SMS}?ordering=-name", token)) == ["Main line", "Backup line", "100%"]
    linked = api.call("GET", f"{SMS}?search=line&limit=1&ordering=-id", token).get_json()
    assert linked["next"] == f"http://localhost{SMS}?limit=1&offset=1&ordering=-id&search=line"


# Who may


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", SMS, 2812), ("POST", SMS, 2811), ("GET", SMS + "/{}", 2812), ("PATCH", SMS + "/{}", 2813),
        ("GET", EMAIL, 2832), ("POST", EMAIL, 2831), ("GET", EMAIL + "/{}", 2832), ("PATCH", EMAIL + "/{}", 2833),
    ],
)  # fmt: skip
def test_each_method_needs_its_own_code(
    api: ApiClient, world: World, project: ProjectRef, method: str, path: str, code: int
) -> None:
    target = path.format(world.notifier(project, "sms" if path.startswith(SMS) else "email"))
    others = [other for other in ALL_CODES if other != code]
    without = world.staff_token(project, *others, email="without@example.org")
    assert api.call(method, target, without).get_json() == {
        "detail": "You do not have permission to perform this action."
    }
    for allowed in (
        world.staff_token(project, code, email="with@example.org"),
        world.token(world.admin(), project),
    ):
        assert api.call(method, target, allowed).status_code in (200, 400)
    anonymous = api.call(method, target)
    assert (anonymous.status_code, anonymous.headers["WWW-Authenticate"]) == (401, "Token")


def test_other_methods_are_refused(api: ApiClient, token: str, world: World, project: ProjectRef) -> None:
    notifier_id = world.notifier(project)
    answer = api.call("DELETE", f"{SMS}/{notifier_id}", token)
    assert answer.status_code == 405
    assert answer.get_json() == {"detail": 'Method "DELETE" not allowed.'}
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS", "PATCH"}
    assert api.call("DELETE", f"{SMS}/{notifier_id}").status_code == 401
    assert api.call("PUT", SMS, token).status_code == 405


def test_other_media_types_are_refused(api: ApiClient, token: str) -> None:
    answer = api.call("POST", SMS, token, data="x", content_type="text/plain")
    assert answer.status_code == 415
    assert api.call("POST", SMS, token, data="{", content_type="application/json").status_code == 400
    assert error(api.call("POST", SMS, token, json=[])) == {
        "non_field_errors": ["Invalid data. Expected a dictionary, but got list."]
    }


def test_nobody_reaches_another_projects_notifier(api: ApiClient, token: str, world: World) -> None:
    other = world.project("other")
    foreign, mail = world.notifier(other, "sms"), world.notifier(other, "email", "mail")
    not_found = {"detail": "Not found."}
    for path in (f"{SMS}/{foreign}", f"{EMAIL}/{mail}", f"{SMS}/{2**31}", f"{SMS}/{'9' * 30}", f"{SMS}/0"):
        assert api.call("GET", path, token).get_json() == not_found
        assert api.call("PATCH", path, token, json={"name": "mine"}).get_json() == not_found
    assert api.call("GET", f"{SMS}/{mail}", token).status_code == 404


def test_a_notifier_of_the_other_channel_isnt_there(
    api: ApiClient, token: str, world: World, project: ProjectRef
) -> None:
    mail = world.notifier(project, "email", "mail")
    assert api.call("GET", f"{SMS}/{mail}", token).status_code == 404


# Secrets


def test_a_secret_is_in_no_answer_and_nowhere_readable_in_the_database(
    api: ApiClient, token: str, app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    answers = []
    for path, body in ((SMS, IPPANEL), (EMAIL, SMTP)):
        answers.append(api.call("POST", path, token, json=body))
        one = f"{path}/{answers[-1].get_json()['id']}"
        answers.append(api.call("POST", path, token, json=body))
        answers.append(api.call("GET", path, token))
        answers.append(api.call("GET", one, token))
        again = {"settings": {"token": "t0p-s3cret-2"}} if path == SMS else {"password": "t0p-s3cret-2", "port": 25}
        answers.append(api.call("PATCH", one, token, json=again))
        answers.append(api.call("PATCH", one, token, json={**again, "name": ""}))
    assert {answer.status_code for answer in answers} == {200, 201, 400}
    for answer in answers:
        assert "t0p-s3cret" not in answer.text
    assert "t0p-s3cret" not in caplog.text
    for table in ("notifier", "audit_event"):
        assert "t0p-s3cret" not in str(stored(app, f"SELECT * FROM {table}"))


def test_the_audit_says_what_changed_but_of_a_secret_only_that_it_did(api: ApiClient, token: str, app: Flask) -> None:
    made = create(api, token, EMAIL)
    change = {"name": "renamed", "host": "mail.example.com", "use_tls": False, "use_ssl": True, "password": "another"}
    api.call("PATCH", f"{EMAIL}/{made['id']}", token, json=change)
    from notifapp.audit.models import AuditEvent

    with app.app_context():
        event = db.session.query(AuditEvent).order_by(AuditEvent.id.desc()).first()
        assert event is not None
        assert (event.action, event.subject, event.source) == ("notifier_changed", "renamed", "api")
        assert event.detail["changes"] == [
            ["Name", "moeinmail", "renamed"],
            ["Host", "smtp.example.com", "mail.example.com"],
            ["Password", "stored", "replaced"],
            ["STARTTLS", "yes", "no"],
            ["TLS", "no", "yes"],
        ]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters()),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(), max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
sms_fields = st.fixed_dictionaries(
    {},
    optional={
        "name": json_values,
        "backend": st.sampled_from(["ippanel", "console", "webhook", "twilio"]) | json_values,
        "settings": json_values | st.dictionaries(st.sampled_from(["token", "from_number", "url", "x"]), json_values),
    },
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(fields=sms_fields)
def test_any_json_is_answered_and_never_breaks(api: ApiClient, token: str, fields: dict[str, Any]) -> None:
    if not api.call("GET", SMS, token).get_json()["count"]:
        create(api, token, name="the first")
    first = api.call("GET", SMS, token).get_json()["results"][0]
    for method, path in (("POST", SMS), ("PATCH", f"{SMS}/{first['id']}")):
        answer = api.call(method, path, token, json=fields)
        assert answer.status_code in (200, 201, 400), answer.text
