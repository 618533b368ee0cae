"""Every size, count and time that bounds what a peer can make us do, with its unit and why.

A limit is a plain constant, imported by name, so that searching for the name finds every use.
"""

from typing import Final

# --- JSON and nostr events -------------------------------------------------------------------
JSON_DEPTH: Final = 8
"""Levels of nesting. An event in a relay message needs 4; about 1,000 crash Python's parser."""
EVENT_BYTES: Final = 2 * 2**20
"""Bytes of one event's JSON. A state of 20,000 refs is about 1.8 MB."""
EVENT_TAGS: Final = 20_000
"""Tags in one event: one a ref in a state."""
TAG_ITEMS: Final = 200
"""Items in one tag: `clone`, `relays` and `maintainers` are the long ones."""
IDENTIFIER_BYTES: Final = 200
"""UTF-8 bytes of a `d` tag: it becomes a directory name on servers (255 bytes at most there)."""
URL_CHARS: Final = 512
"""Characters of a clone, relay or server URL."""
PEER_TEXT_CHARS: Final = 1024
"""Characters that are kept of a NOTICE, OK or HTTP error text."""

# --- WebSocket -------------------------------------------------------------------------------
WS_MESSAGE_BYTES: Final = 4 * 2**20
"""Bytes of one relay message; twice the largest event that we accept."""
WS_ANSWER_EVENTS: Final = 200_000
"""Events that one relay may send in one run before it counts as flooding."""
REQ_PAGE: Final = 500
"""Events asked for per REQ page. ngit-relay reads more than 1,000 as 250, most cap at 500."""
REQ_PAGES: Final = 400
"""Pages of one question: WS_ANSWER_EVENTS / REQ_PAGE."""
REQ_TAG_VALUES: Final = 100
"""Values of one tag filter (GRASP-02: batches of 100)."""
MAX_FUTURE_SECONDS: Final = 15 * 60
"""A state signed further ahead than this does not steer decisions: it would pin the repository."""

# --- negentropy (NIP-77) ---------------------------------------------------------------------
NEG_FRAME_BYTES: Final = 60_000
"""Bytes of one message that we send, before hex: what ngit-grasp and nostr-sdk use."""
NEG_MESSAGE_BYTES: Final = 512 * 2**10
"""Bytes of one message that we read, before hex: strfry's frames have 500,000."""
NEG_ROUNDS: Final = 2_000
"""Questions of one conversation: 200,000 missing ids in frames of 4,096 bytes, about."""
NEG_ITEMS: Final = 200_000
"""Events of one conversation, on either side: WS_ANSWER_EVENTS, which would be fetched next."""
NEG_SILENCE_SECONDS: Final = 5.0
"""How long a relay may say nothing to a NEG-OPEN before it counts as one without NIP-77."""

# --- git -------------------------------------------------------------------------------------
PKT_BYTES: Final = 65_520
"""Bytes of one pkt-line with its header (git: protocol-common, LARGE_PACKET_MAX)."""
ADVERT_BYTES: Final = 16 * 2**20
"""Bytes of one ref advertisement; git itself kept 316 MB for 1,000,000 refs."""
ADVERT_REFS: Final = 20_000
"""Refs of one repository."""
REF_BYTES: Final = 1_000
"""Bytes of one ref name; file systems refuse components over 255."""
REPORT_BYTES: Final = 4 * 2**20
"""Bytes of a receive-pack answer: one line a ref, plus side-band chatter."""
PACK_BYTES: Final = 2 * 2**30
"""Bytes of one pack, compressed."""
CHILD_MEMORY_BYTES: Final = 2 * 2**30
"""Address space of a git child: a 232-byte pack can ask for 4 GB."""
CHILD_CPU_SECONDS: Final = 300
CHILD_WALL_SECONDS: Final = 900
"""Wall clock of a git child: half the 30 minutes that purgatory waits."""
CHILD_OUTPUT_BYTES: Final = 32 * 2**20
"""Captured bytes of a child's stdout or stderr."""

# --- memory of submissions ---------------------------------------------------------------------
PURGATORY_SECONDS: Final = 30 * 60
"""How long servers keep an event that waits for its git data (GRASP-01)."""
REFUSED_FIRST_SECONDS: Final = 10 * 60
REFUSED_LAST_SECONDS: Final = 24 * 60 * 60
"""A refused event is offered again after 10 minutes, then at doubled intervals, daily at last."""
MEMORY_BYTES: Final = 16 * 2**20
"""Bytes of the submissions file; a larger one counts as lost."""

# --- HTTP and time ---------------------------------------------------------------------------
NIP11_BYTES: Final = 64 * 2**10
HTTP_ERROR_BYTES: Final = 4 * 2**10
"""Bytes of an error page that are read to find the reason."""
CONNECT_SECONDS: Final = 5.0
"""TCP and TLS set-up. A server that accepts and then hangs is caught by READ_SECONDS."""
RELAY_IDLE_SECONDS: Final = 25.0
"""A relay connection that was silent for longer is opened anew: servers drop it after 30 to 60."""
READ_SECONDS: Final = 10.0
"""Silence within an answer to a read."""
PUSH_READ_SECONDS: Final = 120.0
"""Silence after a push: servers stay quiet while they unpack and align."""
SERVER_SECONDS: Final = 20 * 60.0
"""All work on one server in one run; what is left waits for the next run."""
SETTLE_SECONDS: Final = 5.0
"""How long read-back waits for a server that works after it answered (asynchronous alignment)."""

# --- pacing (GRASP-02; used by the reconciler and by the sandbox) -----------------------------
HUNT_EXPIRY_SECONDS: Final = 1800.0
"""How long git data is looked for after the latest event: as long as purgatory keeps it."""
HUNTS: Final = 10_000
"""Repositories that git data is looked for at the same time; one more pushes the oldest out."""

# --- purgatory (sandbox) ----------------------------------------------------------------------
PARKED: Final = 10_000
"""Entries of one kind that wait for git data; one more pushes the oldest out. About four times the
announcements that the largest known server has."""
PARKED_ANNOUNCEMENTS: Final = 200
"""Announcements of one author that wait: each has a bare repository on disk. A person who moves to
a new server announces some dozens."""
PARKED_EACH: Final = 1_000
"""States of one author that wait, and pull requests; and commits that wait in one owner's
repositories for their pull request."""
PARKED_EXPIRED: Final = 10_000
"""Ids of events that expired without git data, so that sync does not bring them in again; 1 MB."""

# --- this machine -----------------------------------------------------------------------------
FREE_BYTES: Final = 4 * 2**20
"""Bytes that must be free where state and reports are written before an apply begins: a report of
a large fleet. What is full later is reported, and stops nothing."""

# --- desired state ---------------------------------------------------------------------------
YAML_BYTES: Final = 256 * 2**10
YAML_DEPTH: Final = 16
YAML_NODES: Final = 50_000
SAVED_PLAN_BYTES: Final = 64 * 2**20
KEY_FILE_BYTES: Final = 4 * 2**10

SIGNATURES: Final = 50
"""Signatures of one run; more of them need a person, whatever the reason."""

# --- authority -------------------------------------------------------------------------------
MAINTAINERS: Final = 100
"""Pubkeys in one authority; beyond it only the owner counts."""
MAINTAINER_DEPTH: Final = 10
"""Steps of invitation from the owner."""
