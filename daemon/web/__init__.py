"""The face over HTTP: the status page, the same as JSON, metrics, and what others post."""
