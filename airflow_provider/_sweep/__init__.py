"""The second line of defence: ends runs that no task waits for any more."""
