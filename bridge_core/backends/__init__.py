"""Our values <-> one wire API. `base` is the seam; `flyte1` is FlyteAdmin."""
