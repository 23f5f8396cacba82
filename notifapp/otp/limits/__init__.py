"""How often codes are sent to a recipient and tried: service.py counts, settings.py says how many."""
