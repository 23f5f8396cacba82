"""What gateways are asked beside sending: whose key it is, what is left, which lines and patterns there are."""
