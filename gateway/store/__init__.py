"""Floor 2: everything durable, over one SQL schema on SQLite or PostgreSQL."""
