"""Files over HTTP: signed URLs, and the server that honours them."""
