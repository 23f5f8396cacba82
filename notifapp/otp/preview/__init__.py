"""What a length and a lifetime of codes mean, before they are saved."""
