"""Whether what is written fits what is registered: DAG files, definitions and triggers against interfaces, nothing being run.

Orchestrators' files are loaded in processes of their own (`loading.py`) by the integration's part, which it names as an entry
point of the group ``flyte_bridge.contracts``; what they use of Flyte comes back as `Use`s (`uses.py`). Interfaces come
from a server or from a file (`interfaces.py`), and `checking.py` holds one against the other.
"""
