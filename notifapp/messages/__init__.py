"""The words of a message: a template per project and channel, and what it comes to when it is sent."""
