"""The contract's rules for each field at `PATCH /api/settings/notifications`, each with its test.

Those for the body as a whole are in test_api_bodies.py. The table in tests/contract/ holds far more odd requests
against Django REST Framework.
"""

from __future__ import annotations

import pytest
from flask import Flask

from notifapp.settings.values import EMAIL_NOTIFIER, OTP_CODE_LEN, OTP_TTL, SMS_NOTIFIER
from tests.settings.conftest import UNTOUCHED, Patch, Shop, Shown, written
from tests.world import World

# Answers


def test_untouched_settings_are_the_defaults_without_notifiers(shown: Shown) -> None:
    assert shown() == UNTOUCHED


def test_a_change_of_all_four_answers_exactly_the_four_keys_and_so_does_a_get(
    patch: Patch, shown: Shown, shop: Shop
) -> None:
    answer = patch({SMS_NOTIFIER: shop.sms, EMAIL_NOTIFIER: shop.email, OTP_CODE_LEN: 6, OTP_TTL: 180})
    assert answer.status_code == 200
    assert answer.json == {
        "notifications_sms_notifier_data": {"id": shop.sms, "name": "ippanel_one"},
        "notifications_email_notifier_data": {"id": shop.email, "name": "moeinmail"},
        "notifications_otp_code_len": 6,
        "notifications_otp_ttl": 180,
    }
    assert shown() == answer.json


def test_an_absent_field_stays_as_it_is(patch: Patch, shop: Shop) -> None:
    patch({SMS_NOTIFIER: shop.sms, OTP_CODE_LEN: 6})
    assert patch({OTP_TTL: 60}).json == {
        **UNTOUCHED,
        "notifications_sms_notifier_data": {"id": shop.sms, "name": "ippanel_one"},
        "notifications_otp_code_len": 6,
        "notifications_otp_ttl": 60,
    }


def test_a_name_is_answered_in_its_own_letters(patch: Patch, shop: Shop, world: World) -> None:
    persian = world.notifier(shop.project, "sms", "پیامک «اصلی»")
    answer = patch({SMS_NOTIFIER: persian})
    assert answer.json is not None
    assert answer.json["notifications_sms_notifier_data"] == {"id": persian, "name": "پیامک «اصلی»"}


# Unknown and read-only keys


@pytest.mark.parametrize(
    "fields",
    [
        {"colour": "red"},
        {"notifications_sms_notifier_data": {"id": 1}, "notifications_email_notifier_data": None},
        {"version": 9, "project_id": 2, "otp_ttl": 60},
        {"": 1},
    ],
)
def test_unknown_and_read_only_keys_are_ignored(app: Flask, patch: Patch, fields: dict[str, object]) -> None:
    answer = patch(fields)
    assert (answer.status_code, answer.json) == (200, UNTOUCHED)
    assert written(app) == (0, 0)


# Ids


@pytest.mark.parametrize("form", ["{}", " {} ", "+{}", "0{}"])
def test_an_id_may_be_a_string_that_holds_an_integer(patch: Patch, shop: Shop, form: str) -> None:
    answer = patch({SMS_NOTIFIER: form.format(shop.other_sms)})
    assert answer.json is not None
    assert answer.json["notifications_sms_notifier_data"] == {"id": shop.other_sms, "name": "kavenegar_two"}


@pytest.mark.parametrize("nothing", [None, ""])
@pytest.mark.parametrize("field", [SMS_NOTIFIER, EMAIL_NOTIFIER])
def test_null_and_the_empty_string_clear_a_notifier(patch: Patch, shop: Shop, field: str, nothing: object) -> None:
    patch({SMS_NOTIFIER: shop.sms, EMAIL_NOTIFIER: shop.email})
    answer = patch({field: nothing})
    assert answer.json is not None
    assert answer.json[f"{field}_data"] is None


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        *((True, "bool"), (False, "bool"), ({}, "dict"), ({"id": 1}, "dict"), ([], "list"), ([1], "list")),
        *((1.0, "float"), (1.5, "float"), ("x", "str"), ("1.0", "str"), (" ", "str"), ("null", "str")),
        ("9" * 5000, "str"),
    ],
)
@pytest.mark.parametrize("field", [SMS_NOTIFIER, EMAIL_NOTIFIER])
def test_what_is_no_id_is_an_incorrect_type(patch: Patch, field: str, value: object, kind: str) -> None:
    answer = patch({field: value})
    assert answer.status_code == 400
    assert answer.json == {field: [f"Incorrect type. Expected pk value, received {kind}."]}


@pytest.mark.parametrize("id_", [0, -1, 99, 2**31 - 1, 2**31, 2**63, -(2**63) - 1, 10**4000])
def test_an_integer_of_any_size_that_is_no_notifiers_id_does_not_exist(patch: Patch, id_: int) -> None:
    for field in (SMS_NOTIFIER, EMAIL_NOTIFIER):
        answer = patch({field: id_})
        assert answer.status_code == 400
        assert answer.json == {field: [f'Invalid pk "{id_}" - object does not exist.']}


def test_a_notifier_of_the_other_channel_does_not_exist(patch: Patch, shop: Shop) -> None:
    answer = patch({SMS_NOTIFIER: shop.email, EMAIL_NOTIFIER: shop.sms})
    assert answer.json == {
        SMS_NOTIFIER: [f'Invalid pk "{shop.email}" - object does not exist.'],
        EMAIL_NOTIFIER: [f'Invalid pk "{shop.sms}" - object does not exist.'],
    }


def test_a_notifier_of_another_project_does_not_exist(patch: Patch, world: World) -> None:
    foreign = world.notifier(world.project("other"), "sms", "theirs")
    assert patch({SMS_NOTIFIER: foreign}).json == {SMS_NOTIFIER: [f'Invalid pk "{foreign}" - object does not exist.']}


def test_a_disabled_notifier_does_not_exist_for_a_new_choice_but_stays_where_it_was_chosen(
    app: Flask, patch: Patch, shop: Shop, world: World, shown: Shown
) -> None:
    patch({SMS_NOTIFIER: shop.sms})
    world.set_enabled(shop.sms, False)
    in_force = {"id": shop.sms, "name": "ippanel_one"}
    assert shown()["notifications_sms_notifier_data"] == in_force
    answer = patch({OTP_TTL: 60})
    assert answer.json is not None
    assert answer.json["notifications_sms_notifier_data"] == in_force
    before = written(app)
    again = patch({SMS_NOTIFIER: shop.sms})
    assert again.json == {SMS_NOTIFIER: [f'Invalid pk "{shop.sms}" - object does not exist.']}
    assert written(app) == before


# Integers


@pytest.mark.parametrize("value", [6, "6", 6.0, "6.0", " 6 ", "06", "+6", "6."])
def test_a_whole_number_may_be_written_in_many_ways(patch: Patch, value: object) -> None:
    answer = patch({OTP_CODE_LEN: value})
    assert answer.status_code == 200
    assert answer.json is not None
    assert answer.json["notifications_otp_code_len"] == 6


@pytest.mark.parametrize("value", [6.5, "6.5", "x", "", " ", True, False, [], [6], {}, {"a": 6}, "6 6", "0x6", "6e0"])
@pytest.mark.parametrize("field", [OTP_CODE_LEN, OTP_TTL])
def test_what_is_no_whole_number_is_no_valid_integer(patch: Patch, field: str, value: object) -> None:
    answer = patch({field: value})
    assert answer.status_code == 400
    assert answer.json == {field: ["A valid integer is required."]}


@pytest.mark.parametrize("field", [OTP_CODE_LEN, OTP_TTL])
def test_a_number_may_not_be_null(patch: Patch, field: str) -> None:
    answer = patch({field: None})
    assert (answer.status_code, answer.json) == (400, {field: ["This field may not be null."]})


@pytest.mark.parametrize(("field", "least", "most"), [(OTP_CODE_LEN, 4, 10), (OTP_TTL, 30, 3600)])
def test_bounds_are_part_of_what_is_allowed_and_nothing_beyond_them_is(
    patch: Patch, field: str, least: int, most: int
) -> None:
    for value in (least, most):
        assert patch({field: value}).status_code == 200
    for value in (least - 1, 0, -(10**100)):
        assert patch({field: value}).json == {field: [f"Ensure this value is greater than or equal to {least}."]}
    for value in (most + 1, 10**100):
        assert patch({field: value}).json == {field: [f"Ensure this value is less than or equal to {most}."]}


def test_a_string_of_more_than_a_thousand_characters_is_no_number(patch: Patch) -> None:
    assert patch({OTP_CODE_LEN: "0" * 999 + "6"}).status_code == 200
    assert patch({OTP_CODE_LEN: "0" * 1000 + "6"}).json == {OTP_CODE_LEN: ["String value too large."]}


# All or nothing


def test_all_failing_fields_are_reported_together_and_nothing_is_changed(
    app: Flask, patch: Patch, shop: Shop, shown: Shown
) -> None:
    answer = patch({SMS_NOTIFIER: shop.sms, EMAIL_NOTIFIER: 99, OTP_CODE_LEN: 3, OTP_TTL: None})
    assert answer.status_code == 400
    assert answer.json == {
        EMAIL_NOTIFIER: ['Invalid pk "99" - object does not exist.'],
        OTP_CODE_LEN: ["Ensure this value is greater than or equal to 4."],
        OTP_TTL: ["This field may not be null."],
    }
    assert shown() == UNTOUCHED
    assert written(app) == (0, 0)


@pytest.mark.parametrize("body", [b"{}", b""])
def test_an_empty_change_is_no_change(app: Flask, patch: Patch, body: bytes) -> None:
    answer = patch(data=body, content_type="application/json")
    assert (answer.status_code, answer.json) == (200, UNTOUCHED)
    assert written(app) == (0, 0)


def test_the_same_values_again_are_no_change(app: Flask, patch: Patch, shop: Shop) -> None:
    fields = {SMS_NOTIFIER: shop.sms, EMAIL_NOTIFIER: None, OTP_CODE_LEN: "6", OTP_TTL: 120.0}
    first = patch(fields)
    again = patch(fields)
    assert again.json == first.json
    assert again.headers["ETag"] == first.headers["ETag"]
    assert written(app) == (1, 1)
