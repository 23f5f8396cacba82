"""Messages on their way: the deliveries table is the truth, a worker carries them out."""
