"""The relay information document (NIP-11), with GRASP-01's fields."""

from __future__ import annotations

from reconciler.limits import WS_MESSAGE_BYTES
from reconciler.nostr.strictjson import Json, dumps
from reconciler.sandbox.service import Service


def document(service: Service) -> str:
    """JSON text of what this server says of itself."""
    dialect = service.dialect
    body: dict[str, Json] = {
        "name": service.spec.name,
        "description": "an embedded server for tests",
        "software": dialect.software,
        "version": dialect.version,
        "supported_nips": list(dialect.nips),
        "limitation": {
            "max_limit": dialect.max_limit,
            "default_limit": dialect.default_limit,
            "max_message_length": WS_MESSAGE_BYTES,
        },
    }
    if service.spec.grasp:
        body |= {
            "supported_grasps": list(dialect.grasps),
            "repo_acceptance_criteria": dialect.criteria,
        }
    return dumps(body)
