"""The configuration: files and environment in, typed settings out, every error with its fix."""
