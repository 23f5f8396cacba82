"""Tests of what a length and a lifetime mean."""
