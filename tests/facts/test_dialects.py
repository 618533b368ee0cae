"""Server families are told apart by what they say of themselves."""

from __future__ import annotations

import pytest

from reconciler.facts.dialects import GITEA, KHATRU, NGIT_GRASP, NGIT_RELAY, SPEC, Dialect, detect
from reconciler.nostr.nip11 import RelayInfo

SOFTWARE: dict[str, Dialect] = {
    "https://gitworkshop.dev/danconwaydev.com/ngit-grasp": NGIT_GRASP,
    "https://gitworkshop.dev/npub15q/ngit-relay": NGIT_RELAY,
    "grasp-gitea": GITEA,
    "https://github.com/fiatjaf/khatru": KHATRU,
    "https://github.com/fiatjaf/pyramid": KHATRU,
    "nak serve": KHATRU,
    "NGIT-GRASP": NGIT_GRASP,
    "": SPEC,
    "something new": SPEC,
}


@pytest.mark.parametrize("software", SOFTWARE)
def test_software_names_its_dialect_by_what_it_says(software: str) -> None:
    assert detect(RelayInfo(software=software)) is SOFTWARE[software]


def test_a_server_that_says_nothing_is_taken_at_the_specification_s_word() -> None:
    assert detect(None) is SPEC
