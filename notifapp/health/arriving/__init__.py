"""Whether the codes of each notifier in force arrive now: counted, judged, and told on the overview and by the API."""
