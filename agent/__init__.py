"""agent decides: it turns an issue into a tested patch and says how far to trust it."""
