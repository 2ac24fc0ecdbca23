"""What the sandbox remembers: one SQLite file. Records are protobuf bytes; columns exist where something is looked up by."""
