"""Stage five: do what the plan says, and nothing else.

errands     what each server needs, one repository after the other
ledger      what came of every action, and what may therefore still begin
work        one action at a time: sign, send, push
execution   the errands of all servers, side by side
readback    "accepted" becomes "done" where the world shows it
"""

from reconciler.apply.execution import apply
from reconciler.apply.readback import confirm

__all__ = ["apply", "confirm"]
