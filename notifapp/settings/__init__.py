"""Notification settings: the page and the JSON endpoint change them through one service function."""
