"""A backend that has codes sent."""

from tests.otp.caller import caller

__all__ = ["caller"]
