"""tools act: what a model may call, and the sandbox in which it happens."""
