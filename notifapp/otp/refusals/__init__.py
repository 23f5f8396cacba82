"""Notes why a code wasn't sent or wasn't accepted, for whoever asks later why."""
