"""The machine: whether it can do the work, what we keep on it, and how that is removed."""
