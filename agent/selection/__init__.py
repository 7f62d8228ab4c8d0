"""Patch selection: which candidate to trust, by what the candidates do when run."""
