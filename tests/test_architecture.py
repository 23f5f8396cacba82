"""The arrows in docs/architecture.md: a folder imports only what stands below it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "notifapp"
TOP = {"__init__", "cli", "demo", "docs"}
# Each may import those after it. What is named in neither is shared, and knows none of them.
FEATURES = (
    "otp", "delivery", "tokens", "users", "projects", "settings", "messages", "notifiers", "account", "audit", "access",
)  # fmt: skip


def imports() -> Iterator[tuple[str, str, str]]:
    """Each import of ours: the file, the part that it belongs to, the part that it imports."""
    for file in sorted(PACKAGE.rglob("*.py")):
        path = file.relative_to(PACKAGE)
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "notifapp":
                below = node.module.split(".")[1:2] or [alias.name for alias in node.names]
                yield from ((str(path), path.parts[0].removesuffix(".py"), part) for part in below)


def may_import(part: str, imported: str) -> bool:
    if part in TOP or part == imported or imported not in {*FEATURES, *TOP}:
        return True
    if part in FEATURES and imported in FEATURES:
        return FEATURES.index(part) < FEATURES.index(imported)
    return part not in FEATURES and imported == "access"  # what is shared may ask who is calling, and nothing else


def test_arrows_run_one_way() -> None:
    wrong = [f"{file} imports {imported}" for file, part, imported in imports() if not may_import(part, imported)]
    assert wrong == []
