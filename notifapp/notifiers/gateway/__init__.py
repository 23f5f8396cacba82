"""What all backends share: their base class, parsing of settings, HTTP, and checked and bounded connections."""
