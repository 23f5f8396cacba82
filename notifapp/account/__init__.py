"""Signing in and out, and one's own name and password."""
