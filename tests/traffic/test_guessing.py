"""Guessing sprayed over recipients: wrong codes are counted over the whole project."""

from __future__ import annotations

from notifapp.traffic.models import Scope
from tests.client import Browser
from tests.clock import Clock
from tests.otp.caller import WRONG
from tests.traffic.caller import CountedCaller, iranian
from tests.world import World

RELEASE = "/projects/shop/limits/project/release"


def guess(caller: CountedCaller, recipients: int) -> None:
    """One wrong code for each of so many recipients."""
    for number in range(recipients):
        challenge, _code = caller.open(iranian(number))
        assert caller.verify(challenge, WRONG).status_code == 400


def test_guesses_spread_over_recipients_stop_the_projects_codes_until_the_hour_is_over(
    caller: CountedCaller, time: Clock
) -> None:
    caller.allow(wrong_least=5, breaker="record")
    guess(caller, 6)
    answer = caller.send(iranian(10))
    assert (answer.status_code, answer.get_json()["code"]) == (429, "guessing_suspected")
    assert answer.headers["Retry-After"] == "3600"
    assert caller.events("codes_refused") == ["Too many wrong codes in the project"]
    time.advance(3600)
    assert caller.send(iranian(10)).status_code == 201


def test_a_right_code_is_accepted_while_guessing_is_held_off(caller: CountedCaller, time: Clock) -> None:
    caller.allow(wrong_least=1, breaker="record")
    challenge, code = caller.open(iranian(10))
    guess(caller, 2)
    assert caller.send(iranian(11)).status_code == 429
    assert caller.verify(challenge, code).status_code == 200


def test_a_project_that_sends_much_allows_a_share_of_it(caller: CountedCaller, time: Clock) -> None:
    caller.allow(wrong_least=1, wrong_percent=50, breaker="record")
    for number in range(10):
        caller.open(iranian(100 + number))
    guess(caller, 6)
    assert caller.send(iranian(10)).status_code == 201  # six of sixteen
    guess_again = [caller.open(iranian(200 + n))[0] for n in range(4)]
    for challenge in guess_again:
        caller.verify(challenge, WRONG)
        caller.verify(challenge, WRONG)
    assert caller.total(Scope.PROJECT, "wrong") == 14
    assert caller.send(iranian(11)).status_code == 429


def test_an_admin_releases_it_and_that_is_audited(
    caller: CountedCaller, world: World, browser: Browser, time: Clock
) -> None:
    caller.allow(wrong_least=1, breaker="record")
    guess(caller, 2)
    assert caller.send(iranian(10)).status_code == 429
    admin = browser.sign_in(world.admin())
    page = admin.get("/projects/shop/limits").text
    assert "No codes are sent" in page
    assert "Codes are sent again." in admin.post(RELEASE, follow_redirects=True).text
    assert caller.send(iranian(10)).status_code == 201
    assert caller.events("codes_released") == ["wrong codes"]
    assert admin.post(RELEASE).status_code == 409


def test_no_permission_code_releases_it(caller: CountedCaller, world: World, browser: Browser) -> None:
    staff = browser.sign_in(world.member(caller.project))
    assert staff.post(RELEASE).status_code == 403
