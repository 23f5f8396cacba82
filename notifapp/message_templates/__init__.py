"""The templates for messages with a code, one per project and channel, and their previews."""
