"""The README's table of variables is what the program reads."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path

from notifapp.access import Permission
from notifapp.config import Config, Retention
from tests.conftest import ENCRYPTION_KEY, SECRET_KEY

ROOT = Path(__file__).parents[2]
ROW = re.compile(r"^\| `(NOTIFAPP_\w+)` \| (.+?) \|", re.MULTILINE)


class Recorder(Mapping[str, str]):
    """An environment that remembers what was looked up in it."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self.values_ = values
        self.asked: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.asked.add(name)
        return self.values_[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_)

    def __len__(self) -> int:
        return len(self.values_)


def documented() -> dict[str, str]:
    return dict(ROW.findall((ROOT / "README.md").read_text()))


def test_the_table_lists_exactly_what_is_read(tmp_path: Path) -> None:
    keys = {
        "NOTIFAPP_SECRET_KEY": SECRET_KEY,
        "NOTIFAPP_ENCRYPTION_KEYS": ENCRYPTION_KEY,
        "NOTIFAPP_OTP_KEY": SECRET_KEY,
    }
    environment = Recorder({**keys, "NOTIFAPP_INSTANCE_DIR": str(tmp_path)})
    Config.from_environment(environment)
    assert documented().keys() == environment.asked


def reads_environment(file: Path) -> bool:
    return any(
        isinstance(node, ast.Attribute)
        and node.attr in {"environ", "getenv"}
        and isinstance(node.value, ast.Name)
        and node.value.id == "os"
        for node in ast.walk(ast.parse(file.read_text()))
    )


def test_nothing_else_reads_the_environment() -> None:
    readers = [file.name for file in (ROOT / "notifapp").rglob("*.py") if reads_environment(file)]
    assert readers == ["config.py"]


def test_the_table_has_the_defaults() -> None:
    defaults = {field.name: field.default for field in fields(Config)}
    defaults |= {f"retention_{field.name}": field.default for field in fields(Retention)}
    for name, default in documented().items():
        number = re.fullmatch(r"`(\d+)`", default)
        if number:
            assert int(number[1]) == defaults[name.removeprefix("NOTIFAPP_").lower()]


def test_the_readme_keeps_its_order() -> None:
    headings = re.findall(r"^## (.+)$", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert headings == [
        "Two commands",
        "The API in one curl",
        "Permission codes",
        "Configuration",
        "Running it for real",
        "Speed",
        "How the code is laid out",
    ]


def test_the_table_of_permissions_is_complete() -> None:
    rows = re.findall(r"^\| (\d{4}) \| (.+?) \| (.+?) \|$", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert rows == [(str(code.value), code.label, code.allows) for code in Permission]
