"""Whether the process can do its work, and whether a project's codes arrive."""
