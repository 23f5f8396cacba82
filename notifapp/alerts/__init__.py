"""Alerts: who is told that something is wrong with a project's codes, once when it begins and once when it ends."""
