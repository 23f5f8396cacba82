"""A property: a code verifies inside its lifetime and never after, whatever happens to the settings meanwhile."""

from __future__ import annotations

from itertools import count

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.clock import Clock
from tests.otp.caller import make_caller
from tests.world import World

numbers = count()
LENGTHS = st.integers(4, 10)
LIFETIMES = st.integers(30, 3600)
CHANGE = st.tuples(LENGTHS, LIFETIMES, st.floats(0, 1))


@given(length=LENGTHS, ttl=LIFETIMES, changes=st.lists(CHANGE, max_size=3), moment=st.floats(0, 2))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_code_verifies_inside_its_lifetime_and_never_after(
    app: Flask,
    world: World,
    time: Clock,
    length: int,
    ttl: int,
    changes: list[tuple[int, int, float]],
    moment: float,
) -> None:
    caller = make_caller(app, world, f"shop-{next(numbers)}")
    caller.change_settings(otp_code_len=length, otp_ttl=ttl)
    challenge, code = caller.open()
    assert len(code) == length
    assert code.isascii()
    assert code.isdecimal()
    issued, asked_after = time.time, ttl * moment
    for new_length, new_ttl, at in sorted(changes, key=lambda change: change[2]):
        time.time = issued
        time.advance(asked_after * at)
        caller.change_settings(otp_code_len=new_length, otp_ttl=new_ttl)
    time.time = issued
    time.advance(asked_after)
    lives = (time.time - issued).total_seconds() < ttl
    answer = caller.verify(challenge, code)
    assert answer.status_code == (200 if lives else 400)
    assert caller.state(challenge)["status"] == ("approved" if lives else "expired")


@pytest.mark.parametrize("length", range(4, 11))
def test_every_length_is_sent_and_approved(app: Flask, world: World, time: Clock, length: int) -> None:
    caller = make_caller(app, world)
    caller.change_settings(otp_code_len=length, otp_ttl=30)
    challenge, code = caller.open()
    assert len(code) == length
    time.advance(29.999999)
    assert caller.verify(challenge, code).status_code == 200
