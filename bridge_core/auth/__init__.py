"""Becoming known to Flyte. `tokens.py` says when a token is sent and replaced; the other files are ways to get one."""
