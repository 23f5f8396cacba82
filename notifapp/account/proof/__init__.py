"""Proofs beyond the password: the second step of signing in, and confirming before grave changes."""
