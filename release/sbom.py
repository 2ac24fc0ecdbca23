"""A software bill of materials in CycloneDX 1.5 (JSON): what the wheel with all extras brings, as it was resolved."""

from __future__ import annotations

import hashlib
import json
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from environments import Environment

__all__ = ["write_sbom"]

_LIST = """
import json
from importlib import metadata
out = []
for one in metadata.distributions():
    meta = one.metadata
    classifiers = meta.get_all("Classifier") or []
    licence = meta.get("License-Expression") or next(
        (item.rpartition(" :: ")[2] for item in classifiers if item.startswith("License :: ")), "")
    out.append({"name": meta["Name"], "version": one.version, "license": licence, "requires": one.requires or []})
print(json.dumps(out))
"""


def write_sbom(path: Path, environment: Environment, wheel: Path, version: str) -> int:
    """Writes it.

    Args:
        path: Where.
        environment: With all extras.
        wheel: Ours.
        version: Ours.

    Returns:
        How many components it names, ours not counted.
    """
    found: list[dict[str, Any]] = json.loads(environment.run("-c", _LIST).splitlines()[-1])
    components = [
        _component(one) for one in sorted(found, key=lambda one: _key(one["name"])) if _key(one["name"]) != _OURS
    ]
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    content = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{uuid.uuid4()}",
        "version": 1,
        "metadata": {
            "timestamp": datetime.now(UTC).isoformat(timespec="seconds"),
            "component": {
                "type": "library",
                "bom-ref": f"pkg:pypi/{_OURS}@{version}",
                "name": _OURS,
                "version": version,
                "purl": f"pkg:pypi/{_OURS}@{version}",
                "licenses": [{"license": {"id": "Apache-2.0"}}],
                "hashes": [{"alg": "SHA-256", "content": digest}],
            },
        },
        "components": components,
    }
    path.write_text(json.dumps(content, indent=1) + "\n")
    return len(components)


_OURS = "flyte-bridge"


def _component(one: dict[str, Any]) -> dict[str, Any]:
    purl = f"pkg:pypi/{_key(one['name'])}@{one['version']}"
    out: dict[str, Any] = {
        "type": "library", "bom-ref": purl, "name": one["name"], "version": one["version"], "purl": purl,
    }  # fmt: skip
    if one["license"]:
        out["licenses"] = [{"license": {"name": one["license"]}}]
    return out


def _key(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")
