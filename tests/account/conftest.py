"""A clock to set."""

from tests.clock import time

__all__ = ["time"]
