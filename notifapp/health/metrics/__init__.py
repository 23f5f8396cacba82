"""Figures of the whole installation for a monitoring system."""
