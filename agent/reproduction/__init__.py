"""Reproduction: tests made of the issue alone, of its snippets or by a model."""
