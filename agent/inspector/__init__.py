"""What a run did, looked at: step by step, patch by patch, in the terminal or as a page."""
