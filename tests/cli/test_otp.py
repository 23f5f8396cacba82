"""`otp release`: recipients get codes again, and the trail knows them masked alone."""

from __future__ import annotations

import pytest

from tests.audit.trail import events
from tests.cli.conftest import Operator
from tests.otp.caller import PHONE, WRONG, Caller, make_caller
from tests.world import World


@pytest.fixture
def caller(world: World) -> Caller:
    """A project with a recipient who is blocked."""
    caller = make_caller(world.app, world)
    caller.set_limits(max_failures=1, stop_hours=None)
    challenge, _ = caller.open()
    caller.verify(challenge, WRONG)
    return caller


@pytest.mark.parametrize("whom", [[PHONE], ["--all"], [PHONE, "customer@example.com"], ["--channel", "sms", PHONE]])
def test_blocked_recipients_are_released(caller: Caller, operator: Operator, whom: list[str]) -> None:
    result = operator("otp", "release", "shop", *whom)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "+98••••••••67\n", "1 recipient released.\n")
    assert caller.recipient().failures == 0
    last = events(caller.app)[-1]
    assert (last.action, last.actor, last.subject) == ("recipient_released", "command line", "+98••••••••67")
    assert PHONE not in str([vars(event) for event in events(caller.app)])


@pytest.mark.parametrize("whom", [[], ["--all", PHONE]])
def test_it_takes_recipients_or_all(caller: Caller, operator: Operator, whom: list[str]) -> None:
    result = operator("otp", "release", "shop", *whom)
    assert result.exit_code == 2
    assert "either recipients or --all" in result.stderr


def test_what_is_no_address_is_refused_in_one_line(caller: Caller, operator: Operator) -> None:
    result = operator("otp", "release", "shop", "0912")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: recipient: Enter a valid phone number")
