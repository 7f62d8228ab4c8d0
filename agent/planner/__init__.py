"""Planners: how an attempt goes from a task to a patch."""
