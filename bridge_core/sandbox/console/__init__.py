"""The read-only web console: pages made on the server, no build step, nothing from elsewhere."""
