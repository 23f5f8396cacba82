"""What a grave change would do to a project's codes, in figures, before somebody makes it on a page."""
