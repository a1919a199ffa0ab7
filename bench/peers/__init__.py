"""Forewarn beside its peers: `make bench-peers`."""
