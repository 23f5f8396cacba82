"""Deletes what is old enough, and on request everything about one recipient."""
