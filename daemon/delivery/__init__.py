"""Delivery: messages from the outbox to the channels, and how each send ended."""
