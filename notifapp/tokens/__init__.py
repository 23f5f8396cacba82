"""API tokens: made, listed, revoked."""
