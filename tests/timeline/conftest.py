"""A backend that has codes sent, and a clock to set."""

from tests.clock import time
from tests.otp.caller import caller

__all__ = ["caller", "time"]
