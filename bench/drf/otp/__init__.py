"""One-time codes by notifapp's rules (docs/otp.md), apart from the countries and types of number, and the breaker.

Both are about codes by SMS, of which none is measured.
"""
