"""HTTP for whoever needs it (object stores, identity providers): httpx, opened one way, and imported only on use.
And a few pages for whoever is asked by probes.
"""
