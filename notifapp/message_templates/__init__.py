"""What the messages with a code say: a template per project and channel, and what it comes to when it is sent."""
