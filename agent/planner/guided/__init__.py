"""The guided planner: the program drives, with narrow questions for small models."""
