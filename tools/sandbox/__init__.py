"""Sandboxes: where untrusted code runs, by one protocol; the engine behind them."""
