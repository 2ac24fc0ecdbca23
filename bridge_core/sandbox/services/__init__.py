"""What the sandbox speaks on the wire."""
