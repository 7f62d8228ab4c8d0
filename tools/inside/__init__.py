"""Programs that run inside a sandbox, in the target's interpreter: Python 3.6 and builtins only."""
