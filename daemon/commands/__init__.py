"""The commands: what each verb of the command line does, and what it reads and prints."""
