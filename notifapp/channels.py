"""The two ways a message can travel."""

from enum import StrEnum


class Channel(StrEnum):
    """What a notifier carries. The values are stored, and are part of addresses."""

    SMS = "sms"
    EMAIL = "email"

    @property
    def label(self) -> str:
        """The name that people read."""
        return {"sms": "SMS", "email": "Email"}[self.value]

    @property
    def sentence(self) -> str:
        """The name inside a sentence."""
        return {"sms": "SMS", "email": "email"}[self.value]
