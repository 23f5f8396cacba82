"""One-time codes: issued, verified, limited."""
