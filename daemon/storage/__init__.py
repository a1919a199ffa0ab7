"""The store: one schema, one small async class per noun, SQLite or Postgres."""
