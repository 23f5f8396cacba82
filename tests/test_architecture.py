"""The rules of docs/architecture.md, held against every import."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "notifapp"
# Services call services downwards only: each feature's may import those of the features after it.
FEATURES = (
    "guards", "retention", "alerts", "health", "timeline", "otp", "traffic", "receipts", "delivery", "projects",
    "standby", "settings", "message_templates", "breakers", "events", "notifiers", "users", "account", "tokens",
    "second_factor", "traces", "audit", "access",
)  # fmt: skip
BASE = {
    "channels", "clock", "config", "countries", "database", "destinations", "errors", "extensions", "front", "inputs",
    "idempotency", "keys", "migrations", "recipients", "wording",
}  # fmt: skip
# These put the features together, and nobody imports them but the app.
COMPOSERS = {"__init__", "apidocs", "cli"}
ADAPTERS = ("api", "forms", "openapi", "openapi_schemas", "routes", "views")
_OF_A_REQUEST = {"request", "request_ctx", "session", "render_template", "redirect", "url_for"}
MAX_FILES = 12  # in a folder, its __init__ aside


@dataclass(frozen=True)
class Module:
    """A module by its dotted name without "notifapp.": "settings.views"."""

    name: str

    @property
    def part(self) -> str:
        return self.name.split(".")[0]

    @property
    def is_adapter(self) -> bool:
        """Whether it parses, calls and renders: a page, an endpoint, a form, a command."""
        last = self.name.split(".")[-1]
        return self.part == "web" or last in ADAPTERS or last.endswith("_views")

    def may_import(self, other: Module) -> bool:
        if other.part in COMPOSERS:
            return self.part in COMPOSERS
        if self.part == other.part or other.part in BASE or self.part in COMPOSERS:
            return not (other.is_adapter and not self.is_adapter and self.part not in COMPOSERS)
        if self.part in BASE:
            return False
        if self.part == "web":  # knows no feature, but may ask who is calling
            return other.part == "access"
        if self.is_adapter:
            return other.part == "web" or not other.is_adapter
        return not other.is_adapter and FEATURES.index(self.part) < FEATURES.index(other.part)


def modules() -> Iterator[tuple[Module, Path]]:
    for file in sorted(PACKAGE.rglob("*.py")):
        name = ".".join(file.relative_to(PACKAGE).with_suffix("").parts)
        if not name.startswith("migrations"):
            yield Module(name.removesuffix(".__init__")), file


def imports() -> Iterator[tuple[Module, Module]]:
    """Each import of ours, and the module that it stands in."""
    known = {module.name for module, _file in modules()}
    for module, file in modules():
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "notifapp":
                within = ".".join((node.module or "").split(".")[1:])
                for alias in node.names:
                    full = f"{within}.{alias.name}".strip(".")
                    yield module, Module(full if full in known else within)


def test_arrows_run_one_way() -> None:
    wrong = [f"{module.name} imports {other.name}" for module, other in imports() if not module.may_import(other)]
    assert wrong == []


def test_every_part_has_its_place() -> None:
    placed = {*FEATURES, *BASE, *COMPOSERS, "web"}
    assert {module.part for module, _file in modules()} | {"migrations"} == placed


def test_only_adapters_and_the_guard_know_the_request() -> None:
    knowing = {
        module.name
        for module, file in modules()
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.ImportFrom) and node.module in ("flask", "flask.globals")
        if {alias.name for alias in node.names} & _OF_A_REQUEST
        if not module.is_adapter
    }
    assert knowing == {"access.guard"}


def test_no_folder_is_crowded() -> None:
    found = Counter(
        file.parent.relative_to(ROOT)
        for folder, kind in (("notifapp", "*.py"), ("tests", "*.py"), ("bench", "*.py"), ("templates", "*.html"))
        for file in (ROOT / folder).rglob(kind)
        if file.name != "__init__.py" and "versions" not in file.parts
    )
    assert [f"{folder} holds {count}" for folder, count in found.items() if count > MAX_FILES] == []
