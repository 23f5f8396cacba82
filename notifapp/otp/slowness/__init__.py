"""Whether what the notifiers take arrives in time."""
