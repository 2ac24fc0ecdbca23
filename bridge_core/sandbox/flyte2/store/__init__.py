"""What Flyte 2 keeps in the SQLite file."""
