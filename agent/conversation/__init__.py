"""Conversations with a model: what is asked, what fits the window, what is paid for already."""
