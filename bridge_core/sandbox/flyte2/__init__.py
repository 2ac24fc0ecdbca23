"""The embedded Flyte 2: its services on a port of their own, beside Flyte 1's, over the same store, storage and processes."""
