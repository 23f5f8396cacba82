"""Standby notifiers: which ones take over where the notifier in force doesn't work, and in which order."""
