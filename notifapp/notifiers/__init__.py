"""A project's notifiers: their pages and JSON endpoints, and the backends for each gateway."""
