"""Trials of settings: how they begin, how they end, and that they always do."""
