"""Registration: read a source, plan, compare with the server, write layer by layer, report.

`package` and `source` read; `plan` orders and checks, without I/O; `_operations/register.py` asks and writes.
"""
