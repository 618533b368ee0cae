"""The server families, each as what differs from GRASP-01 to the letter.

`ngit-grasp` 1.0.2, `ngit-relay` 0.0.2, `khatru` (as `nak serve --grasp`) and `gitea` (grasp-gitea)
are written after their published sources; a few values that those leave open are guesses.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from reconciler.errors import OurFault
from reconciler.sandbox.family.gitea import GITEA
from reconciler.sandbox.family.khatru import KHATRU
from reconciler.sandbox.family.ngit_grasp import NGIT_GRASP, NGIT_GRASP_3
from reconciler.sandbox.family.ngit_relay import NGIT_RELAY
from reconciler.sandbox.family.rules import Family, Info, RelayLimits

SPEC: Final = Family(
    name="spec",
    info=Info(
        software="https://github.com/grasp-reconciler/sandbox-spec",
        version="1.0.0",
        nips=(1, 9, 11, 34, 40, 42, 45, 70, 77),
    ),
    limits=RelayLimits(negentropy=True),
)
"""GRASP-01 to the letter."""

PRESETS: Final = MappingProxyType(
    {d.name: d for d in (SPEC, NGIT_GRASP, NGIT_GRASP_3, NGIT_RELAY, KHATRU, GITEA)}
)


def named(name: str | Family) -> Family:
    """The preset called `name`; what is a family already stays as it is.

    Raises:
        OurFault: there is none.
    """
    if isinstance(name, Family):
        return name
    if name not in PRESETS:
        raise OurFault(f"no family {name!r}; there are {', '.join(sorted(PRESETS))}")
    return PRESETS[name]
