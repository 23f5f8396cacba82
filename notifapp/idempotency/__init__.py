"""Requests that are carried out once, however often they are sent: see service.py."""
