"""Stage two: ask every server, and write down what it answered. Unknown stays unknown.

The questions come in rounds (`rounds`), because the answers to one name the subjects of the next:

    1  announcements of the npubs, and what servers say of themselves
    2  announcements and states of everybody whom the announcements invite
    3  events that name a repository (issues, PRs, labels, …)
    4  events that name those events, until no new ones turn up (GRASP-02's layers); what others
       serve and a server did not show, by id
    5  the refs of every cell
    6  the sources, with all their objects; and the objects of refs that would move, so that a
       forced update can be called one (`objects`)

A server that fails any question is `unknown` from then on: its silence is never read as absence.
"""

from reconciler.observe.again import look_again
from reconciler.observe.look import observe

__all__ = ["look_again", "observe"]
