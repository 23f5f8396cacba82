"""`/api/settings/notifications/standby`, and what it leaves in the history of the settings."""

from __future__ import annotations

from typing import Any

import pytest
from werkzeug.test import TestResponse

from notifapp.access import Principal
from notifapp.settings.history import history, settings_at
from notifapp.settings.service import get_notification_settings, set_requires_proof
from notifapp.standby.api import PATH
from tests.client import ApiClient, Browser, page_text
from tests.standby.shop import Shop
from tests.statements import sent


def standing_by(api: ApiClient, shop: Shop) -> list[int]:
    """The ids of the SMS notifiers that stand by."""
    found: list[int] = api.call("GET", PATH, shop.token).get_json()["sms"]
    return found


def put(api: ApiClient, shop: Shop, body: object, **options: Any) -> TestResponse:
    return api.call("PUT", PATH, shop.token, json=body, **options)


def test_the_lists_are_replaced_and_read_back_in_their_order(api: ApiClient, shop: Shop) -> None:
    assert api.call("GET", PATH, shop.token).json == {"sms": [], "email": []}
    wanted = {"sms": [shop.ids["third"], shop.ids["second"]], "email": []}
    answer = put(api, shop, wanted)
    assert (answer.status_code, answer.json) == (200, wanted)
    again = api.call("GET", PATH, shop.token)
    assert (again.json, again.headers["ETag"]) == (wanted, answer.headers["ETag"])
    assert api.call("GET", PATH, shop.token, headers={"If-None-Match": again.headers["ETag"]}).status_code == 304


def test_a_channel_that_is_left_out_stays_as_it_is(api: ApiClient, shop: Shop) -> None:
    put(api, shop, {"sms": [shop.ids["second"]]})
    assert put(api, shop, {"email": []}).json == {"sms": [shop.ids["second"]], "email": []}
    assert put(api, shop, {}).json == {"sms": [shop.ids["second"]], "email": []}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, 'Expected a list of items but got type "NoneType".'),
        ("3", 'Expected a list of items but got type "str".'),
        (["3"], "Incorrect type. Expected pk value, received str."),
        ([True], "Incorrect type. Expected pk value, received bool."),
        ([99], 'Invalid pk "99" - object does not exist.'),
        ([-1], 'Invalid pk "-1" - object does not exist.'),
        ([10**30], f'Invalid pk "{10**30}" - object does not exist.'),
        ([1, 2, 3, 4], "At most 3 notifiers can stand by."),
        ([99, 99], "Each notifier can be listed only once."),
    ],
)
def test_what_cannot_stand_by_is_refused(api: ApiClient, shop: Shop, value: object, message: str) -> None:
    answer = put(api, shop, {"sms": value, "email": []})
    assert (answer.status_code, answer.json) == (400, {"sms": [message]})
    assert standing_by(api, shop) == []


def test_the_notifier_in_force_and_those_of_another_channel_or_project_cannot_stand_by(
    api: ApiClient, shop: Shop
) -> None:
    other = shop.world.notifier(shop.world.project("other"), "sms", "theirs")
    assert "notifier in force" in put(api, shop, {"sms": [shop.ids["gateway"]]}).get_json()["sms"][0]
    for id_ in (shop.ids["mail"], other):
        assert put(api, shop, {"sms": [id_]}).json == {"sms": [f'Invalid pk "{id_}" - object does not exist.']}


def test_a_disabled_notifier_cannot_be_added_but_stays(api: ApiClient, shop: Shop) -> None:
    shop.stand_by("second")
    for name in ("second", "third"):
        shop.world.set_enabled(shop.ids[name], False)
    assert put(api, shop, {"sms": [shop.ids["second"], shop.ids["third"]]}).status_code == 400
    assert put(api, shop, {"sms": [shop.ids["second"]]}).status_code == 200


def test_an_unproven_notifier_cannot_be_added_where_proof_is_required(api: ApiClient, shop: Shop) -> None:
    with shop.caller.app.app_context():
        set_requires_proof(shop.caller.project, True, principal=Principal.operator())
    answer = put(api, shop, {"sms": [shop.ids["second"]]})
    assert answer.json == {"sms": ["This notifier has not been proven since its last change."]}


def test_a_stale_version_is_refused(api: ApiClient, shop: Shop) -> None:
    tag = api.call("GET", PATH, shop.token).headers["ETag"]
    shop.caller.change_settings(otp_ttl=60)
    answer = put(api, shop, {"sms": [shop.ids["second"]]}, headers={"If-Match": tag})
    assert answer.status_code == 412
    tag = api.call("GET", PATH, shop.token).headers["ETag"]
    assert put(api, shop, {"sms": [shop.ids["second"]]}, headers={"If-Match": tag}).status_code == 200


def test_a_change_is_a_version_of_the_settings_and_others_carry_it_over(api: ApiClient, shop: Shop) -> None:
    with shop.caller.app.app_context():
        before = get_notification_settings(shop.caller.project).version
    put(api, shop, {"sms": [shop.ids["second"]]})
    assert put(api, shop, {"sms": [shop.ids["second"]]}).status_code == 200  # nothing differs
    shop.caller.change_settings(otp_ttl=60)
    put(api, shop, {"sms": [shop.ids["third"], shop.ids["second"]]})
    with shop.caller.app.app_context():
        newest, ttl, first = history(shop.caller.project, limit=3)
        assert newest.version == before + 3
        assert [tuple(change) for change in newest.changes] == [("SMS standby", "second", "third, second")]
        assert [change.label for change in ttl.changes] == ["Code lifetime"]
        assert [tuple(change) for change in first.changes] == [("SMS standby", "None", "second")]
        assert settings_at(shop.caller.project, before + 2).standby == first.values.standby


def test_a_change_of_the_settings_costs_no_more_statements_with_standby_notifiers(api: ApiClient, shop: Shop) -> None:
    counts = []
    for ttl in (60, 61, 62):
        with sent() as statements:
            assert api.patch_settings(shop.token, {"notifications_otp_ttl": ttl}).status_code == 200
        counts.append(len(statements))
        shop.stand_by("second")
    assert counts[1:] == counts[:1] * 2


def test_the_settings_endpoint_knows_nothing_of_it(api: ApiClient, shop: Shop) -> None:
    before = api.get_settings(shop.token).json
    assert api.patch_settings(shop.token, {"sms": [shop.ids["second"]], "standby": {}}).json == before
    put(api, shop, {"sms": [shop.ids["second"]]})
    assert api.get_settings(shop.token).json == before


# The page


def test_a_person_chooses_who_stands_by(browser: Browser, shop: Shop, api: ApiClient) -> None:
    staff = browser.sign_in(shop.staff)
    page = staff.get(shop.path)
    assert "In force: gateway." in page_text(page)
    version = settings_version(shop)
    staff.post(shop.path, {"version": version, "sms-0": shop.ids["second"], "sms-1": "", "reason": "Just in case"})
    assert standing_by(api, shop) == [shop.ids["second"]]
    settings = page_text(staff.get(f"/projects/{shop.caller.project.slug}/settings"))
    assert "SMS standby: from None → to second" in settings
    assert "Just in case" in settings


def test_errors_and_stale_versions_are_shown_on_the_page(browser: Browser, shop: Shop) -> None:
    staff = browser.sign_in(shop.staff)
    version = settings_version(shop)
    twice = {"version": version, "sms-0": shop.ids["second"], "sms-1": shop.ids["second"]}
    answer = staff.post(shop.path, twice)
    assert answer.status_code == 400
    assert "Each notifier can be listed only once." in page_text(answer)
    shop.caller.change_settings(otp_ttl=60)
    answer = staff.post(shop.path, {"version": version, "sms-0": shop.ids["second"]})
    assert answer.status_code == 409
    assert "The settings have changed since you opened them" in page_text(answer)
    assert staff.post(shop.path, {"version": settings_version(shop), "sms-0": "nonsense"}).status_code == 400


def test_without_another_notifier_the_page_says_what_to_do(browser: Browser, shop: Shop) -> None:
    staff = browser.sign_in(shop.staff)
    assert "There is no other enabled email notifier." in page_text(staff.get(shop.path))


def test_restoring_a_version_restores_who_stood_by(browser: Browser, shop: Shop, api: ApiClient) -> None:
    shop.stand_by("second")
    version = settings_version(shop)
    shop.stand_by("third")
    shop.caller.change_settings(otp_ttl=60)
    staff, settings = browser.sign_in(shop.staff), shop.path.removesuffix("/standby")
    path = f"{settings}/history/{version}/restore"
    page = page_text(staff.get(path))
    assert "SMS standby: from third → to second" in page
    staff.post(path, {"version": settings_version(shop)})
    assert standing_by(api, shop) == [shop.ids["second"]]


def settings_version(shop: Shop) -> int:
    with shop.caller.app.app_context():
        return get_notification_settings(shop.caller.project).version
