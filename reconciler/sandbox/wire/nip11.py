"""The relay information document (NIP-11), with GRASP-01's fields."""

from __future__ import annotations

from reconciler.nostr.strictjson import Json, dumps
from reconciler.sandbox.service import Service


def document(service: Service) -> str:
    """JSON text of what this server says of itself."""
    info = service.family.info
    body: dict[str, Json] = {
        "name": service.spec.name,
        "description": "an embedded server for tests",
        "software": info.software,
        "version": info.version,
        "supported_nips": _nips(service),
    }
    if info.shows_limits:
        body["limitation"] = _limitation(service)
    if service.spec.grasp:
        body |= _grasp(service)
    return dumps(body)


def _nips(service: Service) -> list[int]:
    """The family's list, where 77 stands exactly when it is switched on: some have it as a flag."""
    others = [nip for nip in service.family.info.nips if nip != 77]
    return sorted([*others, 77]) if service.family.limits.negentropy else others


def _limitation(service: Service) -> Json:
    limits = service.family.limits
    return {
        "default_limit": limits.default_limit,
        "max_message_length": limits.message_bytes,
        "max_subscriptions": limits.subscriptions,
        "max_subid_length": limits.subscription_chars,
        **({} if limits.max_limit is None else {"max_limit": limits.max_limit}),
        **({"restricted_writes": True} if service.family.info.restricted_writes else {}),
    }


def _grasp(service: Service) -> dict[str, Json]:
    """GRASP-01's fields; what a family leaves empty is not there at all."""
    info, archive = service.family.info, service.spec.archive
    fields: dict[str, Json] = {
        "supported_grasps": list(_grasps(service)),
        "repo_acceptance_criteria": info.criteria,
        "curation": archive.curation(),
    }
    return {name: value for name, value in fields.items() if value}


def _grasps(service: Service) -> tuple[str, ...]:
    """01, 05, 02: in the order in which ngit-grasp gives them. None where the family names none."""
    own = service.family.info.grasps
    on = {"GRASP-05": service.spec.archive.is_on(), "GRASP-02": service.spec.sync}
    names = ("GRASP-01", "GRASP-05", "GRASP-02")
    return tuple(n for n in names if own and (n in own or on.get(n)))
