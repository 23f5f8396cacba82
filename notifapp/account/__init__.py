"""Signing in and out, and the user's own name and password."""
