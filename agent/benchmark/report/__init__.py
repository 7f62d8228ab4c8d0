"""report: what runs came to, with intervals; side by side, and against each other."""
