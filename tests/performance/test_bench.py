"""`make bench` runs, as far as codes are compared: all answer alike. Its figures mean nothing here."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
LITTLE = ("--quick", "--challenges", "2000")


@pytest.mark.parametrize(
    ("part", "seconds", "rows"),
    [
        ("codes", "0.1", ["| issue a code |", "| verify a right code |", "| refuse a wrong code |"]),
        ("receipts", "0.2", ["| issue a code |", "| verify a right code |", "2,000 receipts"]),
        ("size", "1", ["| issue a code |", "| verify a right code |", "| open the page of deliveries |"]),
    ],
)
def test_each_part_prints_its_table(part: str, seconds: str, rows: list[str]) -> None:
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed")
    command = [sys.executable, "-m", "bench.run", *LITTLE, "--seconds", seconds, "--only", part]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    for row in rows:
        assert row in done.stdout
