"""Notifiers that customers prove: their codes arrived and were verified."""
