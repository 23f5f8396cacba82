"""A shop with a notifier in force and two that may stand by, on an app whose clock can be set."""

from tests.clock import time
from tests.standby.shop import shop

__all__ = ["shop", "time"]
