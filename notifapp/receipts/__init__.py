"""What became of messages: the carriers' word, pushed by gateways or asked for."""
