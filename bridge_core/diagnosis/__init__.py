"""Why a run ended as it did, as values: policies over nodes, attempts and errors that the verbs fetched. No I/O.

``explain`` of a client asks Flyte (`_operations/explain.py`) and lets this room judge: which node is to blame (`blame.py`), what
kind of failure it is (`kinds.py`) and what helps then (`advice.py`), what waited for what (`waits.py`), and how to say it
(`explanation.py`).
"""
