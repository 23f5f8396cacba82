"""The documentation says what is there: links, commands, variables, folders, errors."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from notifapp.apidocs.document import document
from notifapp.web.openapi import ERROR_CODES
from tests.test_architecture import BASE, FEATURES

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "notifapp"
PAGES = {str(file.relative_to(ROOT)): file.read_text() for file in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"))}
README = PAGES["README.md"]

_LINK = re.compile(r"\]\(([^)\s]+)\)")
_CODE = re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL)
_VARIABLE = re.compile(r"NOTIFAPP_[A-Z_]+[A-Z]")
_TOKEN = re.compile(r'Authorization: Token ([^"]+)"')
_NAMES = re.compile(r"( *)((?:[\w.]+(?:/|\.py)(?: +|$))+)")


def code_of(page: str) -> str:
    return "\n".join(_CODE.findall(PAGES[page]))


def anchors(text: str) -> set[str]:
    """The headings, as GitHub makes links of them."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def layout() -> Iterator[str]:
    """Every file and folder in README's list, by its path from the root."""
    listed = README.split("## How the code is laid out")[1].split("```")[1]
    for line in filter(None, map(_NAMES.match, listed.splitlines())):
        for name in line[2].split():
            yield ("notifapp/" if line[1] else "") + name


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    for link in _LINK.findall(_CODE.sub("", PAGES[page])):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (ROOT / page).parent / path if path else ROOT / page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target.read_text()), link


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in PAGES:
        named = set(re.findall(r"\bmake ([a-z]+)\b", code_of(page)))
        assert named <= targets, page


def test_every_variable_is_told_to_operators_and_none_is_made_up() -> None:
    read = set(_VARIABLE.findall((PACKAGE / "config.py").read_text()))
    assert read <= set(_VARIABLE.findall(PAGES["docs/operating.md"]))
    for page, text in PAGES.items():
        assert set(_VARIABLE.findall(text)) <= read, page


def test_every_curl_sends_the_same_variable() -> None:
    sent = [token for text in PAGES.values() for token in _TOKEN.findall(text)]
    calls = [call for text in PAGES.values() for call in re.findall(r"^(?:id=\$\()?curl .*/api/", text, re.MULTILINE)]
    assert len(sent) == len(calls) > 0
    assert set(sent) == {"$TOKEN"}


def test_the_list_of_folders_is_complete() -> None:
    listed = set(layout())
    folders = {f"notifapp/{folder.name}/" for folder in PACKAGE.iterdir() if (folder / "__init__.py").exists()}
    assert {name for name in listed if not (ROOT / name).exists()} == set()
    assert folders <= listed


def test_the_drawing_has_the_ranks_that_the_imports_are_held_to() -> None:
    drawing = PAGES["docs/architecture.md"].split("```")[1].splitlines()
    start, end = (
        next(n for n, line in enumerate(drawing) if line.startswith(f" {rank} ")) for rank in ("services", "base")
    )
    services = [name for line in drawing[start:end] if "──" not in line for name in line[13:34].split()]
    assert services == list(FEATURES)
    base = " ".join(line[13:] for line in drawing[end : end + 2])
    assert set(re.findall(r"[a-z]+", base)) == BASE


def test_every_error_of_the_api_is_explained() -> None:
    answered = {
        status
        for path in document()["paths"].values()
        for operation in path.values()
        if isinstance(operation, dict)
        for status in operation.get("responses", ())
        if int(status) >= 400
    }
    explained = re.findall(r"^\| (\d{3}) ", PAGES["docs/api.md"].split("\n## Errors\n")[1], re.MULTILINE)
    assert explained == sorted(explained)
    assert set(explained) >= answered


def test_every_error_code_is_explained() -> None:
    section = PAGES["docs/api.md"].split("\n### Error codes\n")[1].split("\n## ")[0]
    assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == [code.value for code in ERROR_CODES]


def test_package_and_api_have_one_version_number() -> None:
    package = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert document()["info"]["version"] == package
    assert f"\n## [{package}]" in PAGES["CHANGELOG.md"]


def test_every_test_that_is_named_exists() -> None:
    files = (ROOT / "tests").rglob("*.py")
    defined = {name for file in files for name in re.findall(r"^def (test_\w+)", file.read_text(), re.MULTILINE)}
    for page in PAGES:
        assert set(re.findall(r"`(test_\w+)`", PAGES[page])) <= defined, page
