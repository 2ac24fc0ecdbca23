"""FlyteAdmin, the control plane of Flyte 1. The word *execution* (FlyteAdmin's for a run) appears only in this room."""
