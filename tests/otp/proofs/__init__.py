"""Tests of notifiers that customers prove."""
