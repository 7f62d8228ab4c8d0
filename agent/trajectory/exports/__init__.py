"""Exports: our attempts in the forms that other programs read."""
