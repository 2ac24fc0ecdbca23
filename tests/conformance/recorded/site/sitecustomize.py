"""For tasks that sleep for minutes where only their end matters: FLYTE_SDK_REPLAY_SLEEP shortens what they sleep."""

import os
import time

_factor = float(os.environ.get("FLYTE_SDK_REPLAY_SLEEP", "1"))
_sleep = time.sleep
time.sleep = lambda seconds: _sleep(seconds * _factor)
