"""Connectors: services beside the sandbox that run tasks elsewhere, reached by FlytePropeller's protocol."""
