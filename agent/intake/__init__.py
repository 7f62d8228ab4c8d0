"""Intake: from the user's words to an issue, and to the code that it is about."""
