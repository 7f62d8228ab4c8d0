"""Show: records turned into text for people."""
