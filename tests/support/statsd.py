"""What Airflow's metrics become for Prometheus: receives statsd's datagrams, and names them as ``statsd_exporter`` does."""

from __future__ import annotations

import re
import socket
import threading
from typing import Self


class StatsdExporter:
    """Listens on a free port of this machine while it is open."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._values: dict[str, float] = {}
        self._arrived = threading.Condition()
        self._counts: dict[str, int] = {}
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._socket.sendto(b"", self._socket.getsockname())
        self._thread.join()
        self._socket.close()

    @property
    def environment(self) -> dict[str, str]:
        """Of an Airflow that sends its metrics here."""
        port = self._socket.getsockname()[1]
        return {
            "AIRFLOW__METRICS__STATSD_ON": "True",
            "AIRFLOW__METRICS__STATSD_HOST": "127.0.0.1",
            "AIRFLOW__METRICS__STATSD_PORT": str(port),
        }

    def page(self, *names: str, after: int) -> str:
        """All gauges and counters, once these have come so often."""
        with self._arrived:
            done = self._arrived.wait_for(lambda: all(self._count(name) >= after for name in names), 30)
            assert done, f"{names} did not come {after} times: {self._counts}"
            return "".join(f"{name} {value}\n" for name, value in self._values.items())

    def _count(self, name: str) -> int:
        return self._counts.get(name, 0)

    def _listen(self) -> None:
        while data := self._socket.recv(65536):
            with self._arrived:
                for line in data.decode().splitlines():
                    if found := re.fullmatch(r"([\w.]+):([\d.e+-]+)\|([cg])", line):
                        name, before = found[1].replace(".", "_"), self._values.get(found[1].replace(".", "_"), 0.0)
                        self._values[name] = float(found[2]) + (before if found[3] == "c" else 0.0)
                        self._counts[name] = self._count(name) + 1
                self._arrived.notify_all()
