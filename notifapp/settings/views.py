"""The settings page and its history (pages)."""
