"""The second step of signing in: passkeys, authenticator apps and recovery codes (OWASP ASVS 5, 6.3.3)."""
