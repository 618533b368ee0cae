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
WS_CONTROL_BYTES: Final = 64 * 2**10
"""Bytes of one relay message that is neither an event nor NIP-77's; larger ones are not read."""
WS_ANSWER_EVENTS: Final = 200_000
"""Messages that one relay may send in one run before it counts as flooding."""
REQ_PAGE: Final = 500
"""Events asked for per REQ page. ngit-relay reads more than 1,000 as 250, most cap at 500."""
REQ_CAP_LEAST: Final = 100
"""Events of one page that no known relay cuts below (250 is the least seen): where a cap is not
told, a shorter page without a matching event is the last one."""
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
CHILDREN_MEMORY_BYTES: Final = 2**30
"""Memory of all git children together, files that they map left out: eight fetches of 30 MB take
half of it. A child's own bound is one for each process, and git is several."""
CHILD_CPU_SECONDS: Final = 300
"""Processor time of a git child: one that computes in circles is ended before its wall clock is."""
CHILD_WALL_SECONDS: Final = 900
"""Wall clock of a git child: half the 30 minutes that purgatory waits."""
CHILD_OUTPUT_BYTES: Final = 32 * 2**20
"""Captured bytes of a child's stdout; one that prints more is ended."""
CHILD_CHATTER_BYTES: Final = 16 * 2**20
"""Bytes of a child's stderr, which a server can fill (side-band); one that says more is ended."""
CHILD_CHATTER_KEPT_BYTES: Final = 64 * 2**10
"""Bytes of that which are kept, from its beginning: git says early what is wrong, then repeats."""
FETCH_IDLE_SECONDS: Final = 30.0
"""How long a fetch may bring too little: a server may count and compress a large pack first."""
FETCH_PROGRESS_BYTES: Final = 30_000
"""A fetch that brings fewer pack bytes than this in FETCH_IDLE_SECONDS is ended, however much the
server talks besides, and the server is not fetched from again in the run: 1 kB/s, as git has it
(http.lowSpeedLimit), whose own bound only ends the one fetch."""
FETCH_MEMORY_BYTES: Final = 256 * 2**20
"""Memory of one fetch beyond the bytes that it brought: git needs some 64 bytes an object, and a
few files whole. A listing can make its older releases take all there is."""
FETCH_BYTES: Final = 256 * 2**20
"""Disk of one fetch among several; a larger one is done again, alone, and may take PACK_BYTES."""
SPOOL_BYTES: Final = 2**30
"""Disk for packs that were built to be sent, as long as nobody is sending more at once."""
FREE_BYTES: Final = 256 * 2**20
"""What a fetch leaves free on its disk (a twentieth of a small one)."""
QUESTION_SECONDS: Final = 60.0
"""A question to our own archive (is it here? what would be lost?); what takes longer is unknown."""
ANCESTRY_COMMITS: Final = 20
"""Lost commits that are named one by one: what a person reads before saying yes."""

# --- memory of submissions ---------------------------------------------------------------------
PURGATORY_SECONDS: Final = 30 * 60
"""How long servers keep an event that waits for its git data (GRASP-01)."""
REFUSED_FIRST_SECONDS: Final = 10 * 60
"""A refused event is offered again after so long: a mended server is noticed the same hour."""
REFUSED_LAST_SECONDS: Final = 24 * 60 * 60
"""Intervals double from there to this: at last a refused event is offered daily."""
REFUSED_PUSHES: Final = 3
"""Refusals in a row of the same push after which its cell is held, by the same intervals."""
MEMORY_BYTES: Final = 16 * 2**20
"""Bytes of the file that remembers what was sent; a larger one counts as lost."""
MEMORY_SECONDS: Final = 24 * 60 * 60
"""How long what was sent counts against a server's budget, and how far ahead a server may be
shut: no known budget takes longer to fill."""

SIGNED_SECONDS: Final = 7 * 24 * 60 * 60
"""How long an event that was signed here is remembered without any server showing it."""

# --- HTTP and time ---------------------------------------------------------------------------
NIP11_BYTES: Final = 64 * 2**10
"""Bytes of a relay information document; those of known servers have a few thousand."""
HTTP_ERROR_BYTES: Final = 4 * 2**10
"""Bytes of an error page that are read to find the reason."""
RESOLVE_SECONDS: Final = 10.0
"""For a name's addresses: what resolvers take to ask two times (resolv.conf: timeout, attempts)."""
CONNECT_SECONDS: Final = 5.0
"""TCP and TLS set-up. A server that accepts and then hangs is caught by READ_SECONDS."""
DOOR_SECONDS: Final = 10.0
"""From the connection to the end of the WebSocket upgrade, TLS included."""
DOOR_BYTES: Final = 64 * 2**10
"""Bytes of the answer to the upgrade: 100 header lines."""
RELAY_IDLE_SECONDS: Final = 25.0
"""A relay connection that was silent for longer is opened anew: servers drop it after 30 to 60."""
READ_SECONDS: Final = 10.0
"""Silence within an answer to a read."""
PROGRESS_BYTES: Final = 2_000
"""What an answer to a read must bring in READ_SECONDS from its first byte on, or it drips: 200 B/s.
git leaves a fetch below 1,000 B/s (http.lowSpeedLimit), and five answers of one server may come
side by side; a modem of 9,600 bits a second is above it with all five."""
WHOLE_SILENCES: Final = 6
"""A whole answer, message or upgrade may take so many times the silence that is allowed within it:
a peer that says a byte now and then comes to an end, too."""
RETRY_AFTER_SECONDS: Final = 30.0
"""How long a server may ask to be left alone within a run; longer means the next run."""
ANSWER_SECONDS: Final = 180.0
"""From the first byte of an answer's body to its last. A server that unpacks a pack of the limit
says so for less long; one that drips costs a run no more than this."""
PUSH_READ_SECONDS: Final = 120.0
"""Silence after a push: servers stay quiet while they unpack and align."""
SERVER_SECONDS: Final = 20 * 60.0
"""Fetching from one server and writing to it, in one run; what is left waits for the next run."""
SERVER_READING_SECONDS: Final = 120.0
"""Asking one server, in one run. All others wait for its answers, because the next questions come
from them; a healthy one needs 20 s for 1,000 repositories."""
SERVER_QUESTION_SECONDS: Final = 0.3
"""What each question adds to that: a look at a repository takes 20 to 200 ms, five side by side, so
that a large fleet is never taken for a slow server."""
SERVER_BYTES: Final = 512 * 2**20
"""Bytes that one server may send in one run, git's own fetches left out: three looks at 1,000
repositories of 1,000 refs each are 200 MB."""
SERVER_FETCHED_BYTES: Final = 8 * 2**30
"""Bytes on our disk that git may fetch from one server in one run: four of the largest packs, or
270 repositories of 30 MB."""
SERVER_KEPT_BYTES: Final = 64 * 2**20
"""Memory for the events of one relay, as texts; 100,000 events of 600 characters."""
SERVER_RETRIES: Final = 20
"""Attempts after a first one, of all questions to one server in one run."""
STOP_SECONDS: Final = 10.0
"""How long what is under way may go on after a signal, before it is cut. systemd kills after 90."""
PATIENCE_SECONDS: Final = 90.0
"""How long a run waits until a server's limits let something through: a budget by the minute is
waited for, one by the quarter of an hour is left to later runs."""
RUN_SECONDS: Final = 30 * 60.0
"""How long a run goes on beginning new work, unless it was told otherwise (`--max-duration`)."""
WAIT_SECONDS: Final = 60.0
"""How long a run waits for what servers do by themselves, unless it was told otherwise
(`--wait`)."""
SETTLE_SECONDS: Final = 5.0
"""How long read-back waits for a server that works after it answered (asynchronous alignment)."""

# --- this machine -----------------------------------------------------------------------------
FOLDER_BYTES: Final = 4 * 2**20
"""Bytes that must be free where state and reports are written before an apply begins: a report of
a large fleet. What is full later is reported, and stops nothing."""

# --- desired state ---------------------------------------------------------------------------
YAML_BYTES: Final = 256 * 2**10
"""Bytes of a desired state: 2,000 repositories with rules of their own."""
YAML_DEPTH: Final = 16
"""Levels of nesting; the schema has 6, so that a mistake of a level or two is still named."""
YAML_NODES: Final = 50_000
"""Values and keys of a desired state: what YAML_BYTES hold, five characters each. PyYAML takes a
second to read so many."""
SAVED_PLAN_BYTES: Final = 64 * 2**20
"""Bytes of a saved plan that is read back: 100,000 actions of 600 bytes each."""
SAVED_REPORT_BYTES: Final = 256 * 2**20
"""A report of 2,000 repositories on 50 servers, where everything changes, has 100 MB."""
LIVE_PING_SECONDS: Final = 30.0
"""Silence on a subscription after which the relay is pinged."""
LIVE_EVENTS: Final = 600
"""Messages a minute that are heard of one relay's subscription; what is beyond waits for a run."""
LIVE_REMEMBERED: Final = 10_000
"""Events that a daemon has heard of: what comes from the next relay is no news."""
SERVED_TOGETHER: Final = 8
"""Answers of `serve` that are made at the same time; the page of a large fleet takes 3 s."""
SERVED_SECONDS: Final = 10.0
"""How long a client of `serve` may take to say what it wants."""
HISTORY_RUNS: Final = 30
"""Earlier reports that a view looks back on: a week of four a day."""
HISTORY_BYTES: Final = 256 * 2**20
"""Earlier reports that a view reads to tell the history of cells: 30 of 8 MB take 10 s."""
KEY_FILE_BYTES: Final = 4 * 2**10
"""Bytes of a key file: 40 lines of a name and an nsec."""

NIP44_BYTES: Final = 2 * 2**20
"""Bytes of one message to or from a remote signer, decrypted: a state of EVENT_BYTES."""
APPROVAL_SECONDS: Final = 7 * 24 * 60 * 60
"""How long a signature may wait for somebody to approve it: over a weekend, and some."""
APPROVAL_WAIT_SECONDS: Final = 60.0
"""How long a run waits for a remote signer's answer before it leaves the request to a later one."""
MEETING_SECONDS: Final = 180.0
"""How long pairing waits for a person with a telephone."""
APPROVAL_AGAIN_SECONDS: Final = 5
"""The same, once one request of the run was not answered in time."""
SCRYPT_LOG_N: Final = range(16, 21)
"""Work factors of an encrypted key (NIP-49), as powers of two: 20 takes 5 s and 1 GB."""

REPAIR_SECONDS: Final = 8 * 60 * 60
"""Between a state and one that says the same, for a server that lost its git data: three a day."""
SIGNATURES: Final = 50
"""Signatures of one run; more of them need a person, whatever the reason."""

WITNESSES: Final = 20
"""Relays of one run that only announcements name, and that are read before something is signed."""
CLOCK_SECONDS: Final = 120.0
"""How far our clock may be from the servers' before nothing is signed: a date ahead cannot be taken
back, because nothing older counts after it."""

# --- authority -------------------------------------------------------------------------------
MAINTAINERS: Final = 100
"""Pubkeys in one authority; beyond it only the owner counts."""
MAINTAINER_DEPTH: Final = 10
"""Steps of invitation from the owner."""
