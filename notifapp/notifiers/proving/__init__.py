"""Proof of receipt: a notifier is proven once somebody has typed back a code that it delivered."""
