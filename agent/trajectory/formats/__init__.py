"""Formats: what other agents and APIs write, read as plain records."""
