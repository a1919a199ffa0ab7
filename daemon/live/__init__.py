"""The live daemon: its loops, when a session is due, its bars, and what only a running process sees."""
