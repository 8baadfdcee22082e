# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Delete, and release from a finalizer, the very object that was observed: never one recreated under its name."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from ..common.kinds import KINDS, Ref, Retirement
from ..common.types import Object
from ..errors import ClusterlinkError, Problem
from .client import Cluster
from .errors import HTTP_CONFLICT, HTTP_NOT_FOUND, ApiError
from .readiness import unready
from .wait import NotReadyError, wait_ready

_ATTEMPTS = 5
"""How often a write is tried while others, such as a controller, change the object's status."""
_RETIRED_SECONDS = 30.0
"""How long the one who works for a retired object may take to say so: a machine may stand still for some of them."""

_RUNNING = "status.phase=Running"


def delete_observed(cluster: Cluster, observed: Object, *, orphan: bool = False, grace: int | None = None) -> list[str]:
    """Delete the very object that was observed, as long as nobody changes its labels, which say whose it is.

    One of a kind whose objects are retired (C(Kind.retirement)) is retired first.

    Args:
        cluster: Where.
        observed: The object as it was read.
        orphan: Keep the objects that it owns, without an owner.
        grace: Seconds that a pod may take to terminate, instead of its own grace period.

    Returns:
        A warning when it was deleted before those who work for it have let go of it.

    Raises:
        ClusterlinkError: It was changed or recreated since it was observed, or the API server refuses.
    """
    ref = Ref.of(observed)

    def delete(current: Object) -> None:
        metadata = current["metadata"]
        version = metadata.get("resourceVersion", "")
        uid = metadata.get("uid", "")
        cluster.delete(ref.kind, ref.name, ref.namespace, uid=uid, version=version, orphan=orphan, grace=grace)

    retirement, warnings = KINDS[ref.kind].retirement, []
    if retirement and _has_workers(cluster, retirement, ref.namespace):
        warnings = _retire(cluster, observed, retirement)
    _write_observed(cluster, observed, delete)
    return warnings


def _has_workers(cluster: Cluster, retirement: Retirement, namespace: str) -> bool:
    """Whether anybody may work for objects in a namespace."""
    try:
        return bool(cluster.list("Pod", namespace, label_selector=retirement.workers, field_selector=_RUNNING))
    except ApiError:  # who may not look
        return True


def _retire(cluster: Cluster, observed: Object, retirement: Retirement) -> list[str]:
    """Give an object its last spec, and wait until the one who works for it has seen that; a warning if it has not.

    It is applied as our other fields are: where the run ends before the deletion, the next one may set it back.
    """
    ref, kind = Ref.of(observed), KINDS[observed["kind"]]

    def retire(current: Object) -> None:
        kept = ("name", "namespace", "labels", "uid", "resourceVersion")
        metadata = {key: value for key, value in current["metadata"].items() if key in kept}
        obj = {"apiVersion": kind.api_version, "kind": kind.name, "metadata": metadata, "spec": retirement.spec}
        cluster.apply(obj, force=True)

    try:
        _write_observed(cluster, observed, retire)
        if unready(observed):
            time.sleep(kind.settle)  # nothing in its status will change
        else:
            wait_ready(cluster, [ref], _RETIRED_SECONDS, known={ref: observed}, judge=_unretired)
    except NotReadyError:
        why = f"nobody has within {_RETIRED_SECONDS:g} s."
    except ApiError as error:  # who may delete it, and not change it, may still delete it
        why = error.message()
    else:
        return []
    return [f"{ref} is deleted before anybody has let go of it: {why} {retirement.otherwise}"]


def _unretired(obj: Mapping[str, Any] | None) -> str:
    """The reason why an object is not retired yet; empty when it is, and when it is gone."""
    return "" if unready(obj) else "nobody has let go of it yet"


def release_observed(cluster: Cluster, observed: Object, finalizer: str) -> None:
    """Remove one finalizer from the very object that was observed; those of others stay.

    Args:
        cluster: Where.
        observed: The object as it was read.
        finalizer: The finalizer.

    Raises:
        ClusterlinkError: It was changed or recreated since it was observed, or the API server refuses.
    """
    ref = Ref.of(observed)

    def release(current: Object) -> None:
        metadata = current["metadata"]
        finalizers = metadata.get("finalizers") or []
        if finalizer in finalizers:
            own = {key: metadata[key] for key in ("uid", "resourceVersion") if key in metadata}
            rest = [each for each in finalizers if each != finalizer]
            cluster.patch(ref.kind, ref.name, ref.namespace, {"metadata": {**own, "finalizers": rest}})

    _write_observed(cluster, observed, release)


def _write_observed(cluster: Cluster, observed: Object, write: Callable[[Object], None]) -> None:
    """Write with the observed version, and again with the current one while the object is the same and still ours."""
    ref, current = Ref.of(observed), observed
    for _attempt in range(_ATTEMPTS):
        try:
            write(current)
        except ApiError as error:
            if error.status == HTTP_NOT_FOUND:
                return
            if error.status != HTTP_CONFLICT:
                raise
        else:
            return
        found = cluster.get(ref.kind, ref.name, ref.namespace)
        if found is None:
            return
        if any(found["metadata"].get(key) != observed["metadata"].get(key) for key in ("uid", "labels")):
            break
        current = found
    raise ClusterlinkError(changed_meanwhile(ref))


def changed_meanwhile(ref: Ref) -> Problem:
    """Why an object is not deleted that is no longer the one that was observed."""
    return Problem(str(ref), "was changed since this run read it, and is not deleted", fix="Run the playbook again")
