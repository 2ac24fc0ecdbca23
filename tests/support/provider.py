"""npm's oidc-provider as a child process, and a browser that fills in its pages."""

from __future__ import annotations

import fcntl
import hashlib
import html
import json
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx
import jwt

DEVICE = "urn:ietf:params:oauth:grant-type:device_code"


INSTALLED_BY_MAKE = Path(__file__).parents[2] / ".venv/npm/node_modules/oidc-provider"


def install(source: Path) -> Path:
    """The folder of the package: what ``make test-full`` installs, else one of our own that later runs find again."""
    if INSTALLED_BY_MAKE.is_dir():
        return INSTALLED_BY_MAKE
    digest = hashlib.sha256((source / "package.json").read_bytes()).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"flyte-bridge-node-{os.getuid()}-{digest}"
    folder.mkdir(mode=0o700, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        shutil.copy(source / "package.json", folder / "package.json")
        if not (folder / "node_modules" / "oidc-provider").is_dir():
            subprocess.run(
                ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error"],
                cwd=folder, check=True, capture_output=True, timeout=150,
            )  # fmt: skip
    return folder / "node_modules" / "oidc-provider"


class Signer:
    """Signs the assertions of the service ``pod``, as Kubernetes signs a service account's token (RFC 7523)."""

    def __init__(self) -> None:
        from cryptography.hazmat.primitives.asymmetric import rsa

        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    @property
    def jwks(self) -> str:
        """The public key, as JSON Web Key Set."""
        key = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self._key.public_key()))
        return json.dumps({"keys": [{**key, "use": "sig", "alg": "RS256", "kid": "one"}]})

    def sign(self, audience: str, *, lifetime: float = 60) -> str:
        """An assertion that is good for so many seconds, once."""
        now = int(time.time())
        claims = {
            "iss": "pod",
            "sub": "pod",
            "aud": audience,
            "iat": now,
            "exp": now + int(lifetime),
            "jti": os.urandom(8).hex(),
        }
        return jwt.encode(claims, self._key, algorithm="RS256", headers={"kid": "one"})


class Provider:
    """The running provider."""

    def __init__(self, script: Path, package: Path, folder: Path) -> None:
        self.signer = Signer()
        keys = folder / "keys.json"
        keys.write_text(self.signer.jwks)
        self._command = ["node", str(script), str(package), str(keys)]
        self._log = folder / "provider.log"
        self._lines: list[dict[str, Any]] = []
        self._fresh = threading.Condition()

    def __enter__(self) -> Self:
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
            )
        assert self._process.stdout is not None
        first = next((line for line in self._process.stdout if line.startswith("{")), "")
        assert first, f"the provider did not start: {self._log.read_text()}"
        self.issuer: str = json.loads(first)["issuer"]
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._http = httpx.Client(timeout=20)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._http.close()
        self._process.stdin.close()
        self._process.wait(10)
        self._reader.join(10)
        self._process.stdout.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if not line.startswith("{"):  # oidc-provider's own notices
                continue
            with self._fresh:
                self._lines.append(json.loads(line))
                self._fresh.notify_all()

    def forget(self) -> None:
        """Begins a new list of token requests, when the lines about all earlier ones have arrived."""
        mark = f"mark-{time.monotonic_ns()}"
        self._http.post(f"{self.issuer}/token", data={"grant_type": mark, "client_id": "nobody"})
        with self._fresh:
            assert self._fresh.wait_for(lambda: any(line.get("grant_type") == mark for line in self._lines), 10)
            self._lines.clear()

    def requests(self, *, at_least: int = 0) -> list[dict[str, Any]]:
        """What the token endpoint was asked since `forget`; waits until there are so many."""
        with self._fresh:
            assert self._fresh.wait_for(lambda: len(self._lines) >= at_least, 10), self._lines
            return list(self._lines)

    def grants(self, *, at_least: int = 0) -> list[tuple[str, int]]:
        """Grant type and HTTP status of `requests`."""
        return [(line["grant_type"], line["status"]) for line in self.requests(at_least=at_least)]

    def is_good(self, token: str) -> bool:
        """Asks the provider, as FlyteAdmin would."""
        return bool(self._as_admin("introspection", token).json()["active"])

    def revoke(self, token: str, client_id: str = "service") -> None:
        """The token is no good from now on."""
        secret = "s3cret/+:%&="
        answer = self._http.post(
            f"{self.issuer}/token/revocation", data={"token": token}, auth=_basic(client_id, secret)
        )
        assert answer.status_code == 200, answer.text

    def _as_admin(self, what: str, token: str) -> httpx.Response:
        answer = self._http.post(
            f"{self.issuer}/token/{what}", data={"token": token}, auth=_basic("flyteadmin", "s3cret/+:%&=")
        )
        assert answer.status_code == 200, answer.text
        return answer


def _basic(client_id: str, secret: str) -> httpx.BasicAuth:
    from urllib.parse import quote_plus

    return httpx.BasicAuth(quote_plus(client_id), quote_plus(secret))


def device_page(messages: Iterable[str]) -> str:
    """The address that a device login has logged; waits for it.

    Args:
        messages: What was logged so far; looked at again and again.
    """
    for _ in range(200):
        for message in messages:
            if found := re.search(r"open (\S+) and enter the code", message):
                return found[1]
        time.sleep(0.05)
    raise AssertionError("no device login was begun")


def log_in(url: str, *, refuse: bool = False) -> str:
    """Opens the address and submits every form as it is, as somebody who agrees to everything; the last page.

    Args:
        url: Where to begin.
        refuse: Follow the provider's "cancel" link instead of agreeing.
    """
    with httpx.Client(timeout=20, follow_redirects=True) as browser:
        page = browser.get(url)
        for _ in range(10):
            cancel = re.search(r'<a href="([^"]*abort)"', page.text)
            if refuse and cancel:
                return browser.get(urljoin(str(page.url), html.unescape(cancel[1]))).text
            form = re.search(r"<form[^>]*>.*?</form>", page.text, re.DOTALL)
            if form is None:
                return page.text
            action = re.search(r'action="([^"]*)"', form[0])
            fields = {}
            for tag in re.findall(r"<(?:input|button)[^>]*>", form[0]):
                name, value = re.search(r'name="([^"]*)"', tag), re.search(r'value="([^"]*)"', tag)
                if name:
                    fields[name[1]] = html.unescape(value[1]) if value else "somebody"
            page = browser.post(urljoin(str(page.url), html.unescape(action[1]) if action else ""), data=fields)
        raise AssertionError(f"the login does not end: {page.text}")


def be_rude(url: str) -> list[socket.socket]:
    """What browsers do to the listener besides: hang up in the middle of requests; the connections that stay idle."""
    back = urlsplit(parse_qs(urlsplit(url).query)["redirect_uri"][0])
    place = (back.hostname, back.port)
    for request in (b"GET /favicon.ico HTTP/1.1\r\nHost: x\r\n\r\n" * 20, b"GET /callback?st", b""):
        with socket.create_connection(place) as gone:
            gone.sendall(request)
            gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return [socket.create_connection(place) for _ in range(5)]


def main(arguments: list[str]) -> None:
    """What BROWSER points to in the tests; the address comes last."""
    page, *options, url = arguments
    if "--hold" not in options and os.fork():
        return  # a real browser's starter returns at once; a text browser holds whoever started it
    time.sleep(0.1)
    idle = be_rude(url) if "--rude" in options else []
    Path(page).write_text(log_in(url, refuse="--refuse" in options))
    for one in idle:
        one.close()
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
