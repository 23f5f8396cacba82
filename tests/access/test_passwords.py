"""Which new passwords are good enough, and how they are kept."""

from __future__ import annotations

import pytest
from flask import Flask

from notifapp.access import passwords

NAMES = ("sara.ahmadi@shop.example", "Sara Ahmadi", "Corner Shop", "corner-shop")


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery staple",
        "x7#Kq!pZ2vLm9@w",
        "رمز عبور من خیلی بلند است",
        "x" * 10 + "fifteen letters and walnuts",
        "notifapp runs on seven quiet walnuts",
        "qR8" * 3 + " and then some",
    ],
)
def test_a_long_password_of_ones_own_is_good(password: str) -> None:
    assert passwords.problems(password, names=NAMES) == []


@pytest.mark.parametrize(
    "password",
    [
        "aaaaaaaaaaaaaaaa",
        "abcabcabcabcabcabc",
        "abcdefghijklmnopqrstuvwxyz",
        "0123456789012345",
        "9876543210987654",
        "qwertyuiopasdfghjkl",
        "1qaz2wsx3edc4rfv5tgb",
        "PasswordPassword1!",
        "sara.ahmadi@shop.example",
        "Sara.Ahmadi1234567",
        "notifapp-notifapp-notifapp",
        "wordwordwordwordword",
        "fifteen letters",
        "administrator123",
        "letmeinletmeinletmein",
        "P4ssw0rd-P4ssw0rd",
        "thequickbrownfox",
        "Corner Shop Corner Shop",
        "corner-shop-2026-admin",
        "c0rner-sh0p-2026",
        "manage the corner shop",
        "sara ahmadi 1370",
        "corner sara ahmadi 2026",
        "Sara-Ahmadi-Corner-1405",
        "SaraAhmadiCornerShop",
        "Welcome to notifapp 1",
    ],
)
def test_what_anybody_could_guess_is_refused(password: str) -> None:
    (problem,) = passwords.problems(password, names=NAMES)
    assert "too easy to guess" in problem


@pytest.mark.parametrize("password", ["", "fourteen chars", "x7#Kq!pZ2vLm9@"])
def test_fewer_than_fifteen_characters_are_too_few(password: str) -> None:
    (problem,) = passwords.problems(password)
    assert "at least 15" in problem


def test_a_name_of_two_letters_takes_nothing_away() -> None:
    assert passwords.problems("seven quiet walnuts", names=("e", "se", "")) == []


def test_only_the_beginning_of_a_long_password_is_judged_because_judging_takes_its_time() -> None:
    nasty = "4@8({[<3691!|17$5+%2"  # each may stand for several letters, so there are many words to look up
    assert passwords.problems((nasty * 7)[: passwords.MAX_LENGTH]) == []
    assert passwords.problems("seven quiet walnuts on a big ice" + "a" * 96) == []
    (problem,) = passwords.problems("a" * 32 + "seven quiet walnuts on a big ice")
    assert "too easy to guess" in problem


def test_what_looks_the_same_is_the_same_password(app: Flask) -> None:
    with app.app_context():
        kept = passwords.hash_password("caf\u00e9 \u2460 au lait")
        assert passwords.verify_password(kept, "cafe\u0301 1 au lait")
        assert not passwords.verify_password(kept, "cafe 1 au lait")


def test_nobodys_password_is_never_right(app: Flask) -> None:
    with app.app_context():
        for password in ("", "A", "A" * 32, "nobody"):
            assert not passwords.verify_password(None, password)
        assert not passwords.verify_password("not a hash", "x")


def test_passwords_are_kept_as_argon2id_at_the_recommended_cost() -> None:
    assert passwords.make_hasher().hash("x").startswith("$argon2id$v=19$m=19456,t=2,p=1$")
