"""The schema's history, as Alembic revisions that run on SQLite and Postgres."""
