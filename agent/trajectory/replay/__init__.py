"""Replay: a recorded attempt again, in a fresh sandbox, and where it diverges."""
