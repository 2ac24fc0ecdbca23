"""FlyteAdmin's semantics: what it does with a request between the wire and the store. It moves no run."""
