"""The audit trail of who did what: recorded by service.py, shown to admins by views.py."""
