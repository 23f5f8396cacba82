"""Tests of whether codes arrive: counted, judged, shown."""
