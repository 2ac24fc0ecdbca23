"""The HTTP server: what listens, what a route is; blobs, console and login hang theirs on it."""
