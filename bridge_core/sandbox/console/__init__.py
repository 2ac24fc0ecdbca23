"""The sandbox's own web pages: plain HTML made on the server, nothing loaded from anywhere."""
