"""Projects: made, renamed, archived, and seen at a glance."""
