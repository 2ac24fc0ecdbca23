"""What a task asks for: processor, memory, disk, accelerators. Names of devices are the Flyte 2 SDK's."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .errors import InvalidRequest
from .public import public

__all__ = ["DEVICES", "Device", "Resources"]

_QUANTITY = re.compile(r"\d+(\.\d+)?(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?")
"""A Kubernetes quantity, as far as people write them: ``500m``, ``2``, ``1.5Gi``."""

DEVICES = {
    "GPU": (
        "A10",
        "A10G",
        "A100",
        "A100 80G",
        "B200",
        "H100",
        "H200",
        "L4",
        "L40s",
        "T4",
        "V100",
        "RTX PRO 6000",
        "GB10",
    ),
    "TPU": ("V5P", "V6E"),
    "NEURON": ("Inf1", "Inf2", "Trn1", "Trn1n", "Trn2", "Trn2u"),
    "AMD_GPU": ("MI100", "MI210", "MI250", "MI250X", "MI300A", "MI300X", "MI325X", "MI350X", "MI355X"),
    "HABANA_GAUDI": ("Gaudi1",),
}
"""Kinds of accelerators, and the devices of each that are known by name."""


@public
@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """An accelerator.

    Example:
        >>> Device(kind="GPU", device="A100", quantity=2, partition="1g.5gb").quantity
        2
    """

    kind: str = "GPU"
    """``GPU``, ``TPU``, ``NEURON``, ``AMD_GPU`` or ``HABANA_GAUDI``."""
    device: str = ""
    """Its name, ``T4`` for instance; empty for any. One that is not known is passed on as it is, with a warning."""
    quantity: int = 1
    partition: str = ""
    """A part of each device: ``1g.5gb`` for instance. Empty: whole devices."""

    def __post_init__(self) -> None:
        if self.kind not in DEVICES:
            raise InvalidRequest(f"device kind {self.kind!r}: wanted one of {', '.join(DEVICES)}")
        if isinstance(self.quantity, bool) or not isinstance(self.quantity, int) or self.quantity < 1:
            raise InvalidRequest(
                f"{self.kind} {self.device}: quantity must be a whole number from 1 on, got {self.quantity!r}"
            )

    @property
    def is_known(self) -> bool:
        """Whether the device is known by name, or none is named."""
        return not self.device or self.device in DEVICES[self.kind]


@public
@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """Quantities as Kubernetes writes them. None: not said, so the platform's default applies."""

    cpu: str | float | None = None
    """Cores: ``"500m"``, ``2``."""
    mem: str | None = None
    """Bytes: ``"512Mi"``, ``"2Gi"``."""
    gpu: int | Device | None = None
    """How many, or which."""
    disk: str | None = None
    """Bytes of ephemeral storage."""

    def __post_init__(self) -> None:
        for name in ("cpu", "mem", "disk"):
            value = getattr(self, name)
            if value is not None and (isinstance(value, bool) or not _QUANTITY.fullmatch(str(value))):
                raise InvalidRequest(
                    f"resources: {name}={value!r} is no quantity; wanted a number with a unit, for instance '500m', '2', '1.5Gi'"
                )
        if isinstance(self.gpu, bool) or not isinstance(self.gpu, int | Device | None) or (self.gpu == 0):
            raise InvalidRequest(f"resources: gpu={self.gpu!r}: wanted a whole number from 1 on, or a Device")

    @property
    def device(self) -> Device | None:
        """The accelerator asked for."""
        return Device(quantity=self.gpu) if isinstance(self.gpu, int) else self.gpu
