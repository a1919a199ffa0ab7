"""The command line: its verbs and options. What they do is in `daemon.commands`, imported when asked for."""
