"""git as a child of ours, told once for both sides: what it is given, how it is watched and ended,
and the repository in which a stranger's objects are looked at before they count.

    gitenv    its environment, settings and limits, as values
    child     starts it, reads what it says, ends it: blocking, for threads
    memory    what it holds, with all that it started
    staging   the repository that is thrown away

Nothing here judges what git answered, or knows who asks.
"""
