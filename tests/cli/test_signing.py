"""Keys of a process that runs again and again."""

from __future__ import annotations

import os

from reconciler.cli.signing import keys_of

HEX = "67dea2ed018072d675f5415ecfaed7d2597555e202d85b3d65ea4e58d2d92ffa"


def test_a_variable_that_was_taken_out_still_signs_in_the_next_run_of_a_process() -> None:
    os.environ["OUR_KEYS"] = f"alice: {HEX}"
    first, second = keys_of("env:OUR_KEYS", None), keys_of("env:OUR_KEYS", None)
    assert "OUR_KEYS" not in os.environ
    assert first.keys["alice"].reveal() == second.keys["alice"].reveal() == bytes.fromhex(HEX)
