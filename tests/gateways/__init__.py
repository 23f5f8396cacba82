"""Gateways as they are: what is sent to them, what their answers mean, what they can be asked."""
