"""The process: configuration, clock, storage, the session pipeline, schedule, delivery, HTTP, CLI."""
