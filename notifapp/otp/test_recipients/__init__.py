"""Test recipients: numbers and addresses with a fixed code, to which nothing is sent."""
