"""Localization: which files, definitions and lines an issue is about."""
