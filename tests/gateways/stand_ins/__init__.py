"""Servers on loopback that behave as the providers do: one file for each, with its successes and its errors."""
