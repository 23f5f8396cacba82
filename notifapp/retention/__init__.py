"""What is deleted once it is old enough, and everything that knows one recipient, when asked for."""
