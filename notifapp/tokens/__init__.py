"""API tokens: what admins give to programs."""
