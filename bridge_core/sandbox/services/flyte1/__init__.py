"""Flyte 1's services: wire only, semantics live in the store, the compiler and the engine."""
