"""The embedded model: its file, how it comes here, and its server."""
