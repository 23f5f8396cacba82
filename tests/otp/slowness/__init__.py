"""Tests of whether what notifiers take arrives in time."""
