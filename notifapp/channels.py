"""The two channels that carry messages."""

from enum import StrEnum


class Channel(StrEnum):
    """What a notifier carries. The values are stored in the database and appear in URLs."""

    SMS = "sms"
    EMAIL = "email"

    @property
    def label(self) -> str:
        """The name to show."""
        return {"sms": "SMS", "email": "Email"}[self.value]

    @property
    def sentence(self) -> str:
        """The name to show inside a sentence."""
        return {"sms": "SMS", "email": "email"}[self.value]
