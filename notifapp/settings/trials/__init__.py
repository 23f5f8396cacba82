"""A change of the settings that is tried first: it goes back by itself unless it is kept."""
