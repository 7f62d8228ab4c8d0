"""Intake: from the user's words to a Task and an Image."""
