"""Projects: their list and overview, and how admins manage them."""
