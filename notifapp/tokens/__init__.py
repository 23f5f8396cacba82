"""API tokens, which admins create for programs."""
