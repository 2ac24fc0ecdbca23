"""How a sandbox comes up and goes down: one data directory, its parts, their order."""
