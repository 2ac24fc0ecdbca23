"""Verbs of both clients by what they are about, with the signatures and texts that users read. `Client` inherits them."""
