"""Deliveries of messages: queued in a table, carried out by workers."""
