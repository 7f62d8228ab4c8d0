"""Environments: an image in which a repository runs as of a date, and sandboxes of it."""
