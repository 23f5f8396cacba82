"""Tests of proof of receipt."""
