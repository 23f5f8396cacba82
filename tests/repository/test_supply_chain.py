"""`make audit` and `make sbom` do what they say, as far as that can be seen without a network."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = ("requirements.lock", "requirements-dev.lock")


def commands(target: str, program: str) -> list[list[str]]:
    """The command lines of a make target that call this program."""
    printed = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    lines = printed.replace("\\\n", " ").splitlines()
    return [shlex.split(line) for line in lines if program in line and " install " not in line]


def locked(name: str) -> set[str]:
    """The packages that a lock file names."""
    return set(re.findall(r"^([\w.-]+)==", (ROOT / name).read_text(), re.MULTILINE))


def test_the_audit_covers_both_locks_and_takes_nothing_unknown_for_safe() -> None:
    found = commands("audit", "pip-audit")
    assert [command[-1] for command in found] == list(LOCKS)
    for command in found:
        assert "--strict" in command


@pytest.mark.slow
@pytest.mark.parametrize("lock", LOCKS)
def test_every_package_of_a_lock_would_be_audited(lock: str) -> None:
    (command,) = [command for command in commands("audit", "pip-audit") if command[-1] == lock]
    result = subprocess.run([*command, "--dry-run"], cwd=ROOT, capture_output=True, text=True, check=True)
    match = re.search(r"would have audited (\d+) packages", result.stderr)
    assert match
    assert int(match[1]) >= len(locked(lock)) - 20, "but for those of other systems"


@pytest.mark.slow
def test_the_bill_of_materials_names_every_package_that_runs_and_is_always_the_same(tmp_path: Path) -> None:
    (command,) = commands("sbom", "cyclonedx")
    made = []
    for name in ("one.json", "two.json"):
        given = [str(tmp_path / name) if part == "sbom.cdx.json" else part for part in command]
        subprocess.run(given, cwd=ROOT, capture_output=True, check=True)
        made.append((tmp_path / name).read_text())
    assert made[0] == made[1]
    bill = json.loads(made[0])
    assert bill["bomFormat"] == "CycloneDX"
    assert bill["metadata"]["component"]["name"] == "notifapp"
    assert {component["name"] for component in bill["components"]} == locked("requirements.lock")
