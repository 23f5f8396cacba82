"""Commands as an operator types them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask

Operator = Callable[..., Result]


@pytest.fixture
def operator(app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Operator:
    """Run one command; what goes in on standard input is `input`."""
    monkeypatch.setitem(app.config, "NOTIFAPP", replace(app.config["NOTIFAPP"], instance_dir=tmp_path))
    runner = app.test_cli_runner()

    def run(*args: str, input: str | None = None) -> Result:
        return runner.invoke(args=args, input=input)

    return run


@pytest.fixture
def done(operator: Operator) -> Callable[..., str]:
    """Run a command that must succeed, and give back the one line that it printed."""

    def run(*args: str, input: str | None = None) -> str:
        result = operator(*args, input=input)
        assert result.exit_code == 0, result.output
        assert result.stdout.count("\n") == 1
        return result.stdout.rstrip("\n")

    return run


@pytest.fixture
def refused(operator: Operator) -> Callable[..., str]:
    """Run a command that must fail with exit status 1 and one line, and give back that line."""

    def run(*args: str, input: str | None = None) -> str:
        result = operator(*args, input=input)
        assert result.exit_code == 1, result.output
        assert result.stdout == ""
        assert result.stderr.startswith("Error: ")
        assert result.stderr.count("\n") == 1
        return result.stderr.removeprefix("Error: ").rstrip("\n")

    return run
