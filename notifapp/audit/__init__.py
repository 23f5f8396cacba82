"""Who did what: recorded by service.py, shown to admins by views.py."""
