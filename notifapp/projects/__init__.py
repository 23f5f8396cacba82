"""Projects: what everybody finds their way by, and what admins manage."""
