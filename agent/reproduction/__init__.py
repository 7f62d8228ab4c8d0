"""Reproduction: tests made of the issue alone, by its snippets or by a model."""
