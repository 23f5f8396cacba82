"""How many codes a project sends, and where to: counted by the hour, capped, and stopped where they aren't used.

`service.py` decides on each code. `counts.py` is the table of counts, `breaker.py` the arithmetic of unusual traffic,
`destinations.py` says where a number is, and `limit_settings.py` changes what a project allows.
"""
