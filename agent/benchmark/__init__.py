"""Many instances of a dataset: which, on which engine, within which limits, and how they ended."""
