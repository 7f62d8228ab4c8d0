"""The store: what a run leaves on disk, written as it happens and read back."""
