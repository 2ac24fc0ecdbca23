"""How Flyte 2 is spoken: gRPC, gRPC-Web and Connect on one port."""
