"""The server families, each as what differs from GRASP-01 to the letter.

`ngit-grasp` 1.0.2, `ngit-relay` 0.0.2, `khatru` (as `nak serve --grasp`) and `gitea` (grasp-gitea)
are written after their published sources; a few values that those leave open are guesses.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from reconciler.errors import OurFault
from reconciler.sandbox.family.dialect import Dialect, Info, RelayLimits
from reconciler.sandbox.family.gitea import GITEA
from reconciler.sandbox.family.khatru import KHATRU
from reconciler.sandbox.family.ngit_grasp import NGIT_GRASP, NGIT_GRASP_3
from reconciler.sandbox.family.ngit_relay import NGIT_RELAY

SPEC: Final = Dialect(
    "spec",
    Info(
        "https://github.com/grasp-reconciler/sandbox-spec",
        "1.0.0",
        (1, 9, 11, 34, 40, 42, 45, 70, 77),
    ),
    limits=RelayLimits(negentropy=True),
)
"""GRASP-01 to the letter."""

PRESETS: Final = MappingProxyType(
    {d.name: d for d in (SPEC, NGIT_GRASP, NGIT_GRASP_3, NGIT_RELAY, KHATRU, GITEA)}
)


def named(name: str | Dialect) -> Dialect:
    """The preset called `name`; what is a dialect already stays as it is.

    Raises:
        OurFault: there is none.
    """
    if isinstance(name, Dialect):
        return name
    if name not in PRESETS:
        raise OurFault(f"no dialect {name!r}; there are {', '.join(sorted(PRESETS))}")
    return PRESETS[name]
