"""Readings in, alert transitions and messages out; channels that deliver a message."""
