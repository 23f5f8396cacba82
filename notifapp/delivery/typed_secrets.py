"""Secrets that were typed for a test message: held for some minutes, so that saving doesn't need them once more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from notifapp.access import credentials, held_secrets
from notifapp.errors import ValidationFailed
from notifapp.notifiers.gateway.base import Backend
from notifapp.notifiers.values import is_blank

_TOO_LATE = "Type this again: it was kept for 10 minutes only."


@dataclass(frozen=True, slots=True)
class TypedSecrets:
    """What was typed into the form of one notifier, `place`, in one session.

    The form carries `key`, which is worth nothing without the session. So a blank field of another page of the same
    notifier still stands for the stored secret.
    """

    session_id: int
    place: str
    backend: Backend[Any]
    key: str = ""

    def keep(self, settings: Mapping[str, object]) -> TypedSecrets:
        """Hold the secrets among these raw settings under a new key, if there are any."""
        self.forget()
        secrets = {name: settings[name] for name in self.backend.secrets if not is_blank(settings.get(name))}
        kept = replace(self, key=credentials.new_key() if secrets else "")
        if secrets:
            value = {"secrets": secrets, "destinations": self._destinations(settings)}
            held_secrets.hold(self.session_id, kept._purpose, value)
        return kept

    def fill_in(self, settings: Mapping[str, object]) -> Mapping[str, object]:
        """The raw settings, with what is held in place of blank secrets.

        Raise `ValidationFailed` if it isn't held any more, or was typed for another destination.
        """
        blank = [
            name
            for name in self.backend.secrets
            if is_blank(settings.get(name)) and self.backend.has_secret(name, settings)
        ]
        if not self.key or not blank:
            return settings
        held = self._held()
        if held is None:
            raise ValidationFailed({name: [_TOO_LATE] for name in blank})
        wanted = {name: held["secrets"][name] for name in blank if name in held["secrets"]}
        destinations = self._destinations(settings)
        moved = [
            self.backend.settings[name].label
            for name in destinations
            if destinations[name] != held["destinations"].get(name)
        ]
        if wanted and moved:
            message = f"Type this again: {' and '.join(moved)} changed since the test."
            raise ValidationFailed({name: [message] for name in wanted})
        return {**settings, **wanted}

    def forget(self) -> None:
        """Erase what is held."""
        if self.key:
            held_secrets.forget(self.session_id, self._purpose)

    def names(self) -> list[str]:
        """The names of the settings that are held."""
        held = self._held() if self.key else None
        return [name for name in self.backend.settings if held and name in held["secrets"]]

    @property
    def _purpose(self) -> str:
        return f"notifier:{self.place}:{credentials.digest(self.key)}"

    def _held(self) -> Any:
        return held_secrets.peek(self.session_id, self._purpose)

    def _destinations(self, settings: Mapping[str, object]) -> dict[str, str]:
        return {
            name: str(settings.get(name) or "").strip()
            for name, about in self.backend.settings.items()
            if about.destination
        }
