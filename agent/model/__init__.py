"""Models: one protocol, several adapters."""
