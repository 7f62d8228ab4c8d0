"""The command line: what can be typed, and where it leads."""
