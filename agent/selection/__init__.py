"""The judge: which patch to trust, by what the patches do when run."""
