"""Tests of what gateways are asked, beside those in tests/gateways."""
