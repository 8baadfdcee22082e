# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a host's gateway and certificate variables have values that the modules take. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from ..clusterlink.gateway_kinds import EXTERNAL, HOST_INSTALLS
from ..errors import ClusterlinkError, Problem
from ..gateway.options import GATEWAY_SPEC, gateway_spec
from ..kube.pod_settings import require_pod_settings
from ..pki.keys import SIZES, key_spec, require_passphrase
from ..pki.pair import require_days
from ..pki.renewal import require_percent
from ..pki.subject import require_subject

OPTIONS: dict[str, Any] = {
    **{option: spec for option, spec in GATEWAY_SPEC.items() if option != "peer"},
    "install": {"type": "str", "choices": list(HOST_INSTALLS), "default": HOST_INSTALLS[0]},
    "key_type": {"type": "str", "choices": list(SIZES)},
    "key_size": {"type": "int", "no_log": False},
    "certificate_days": {"type": "int", "default": 365},
    "ca_days": {"type": "int", "default": 3650},
    "ca_subject": {"type": "dict"},
    "ca_passphrase": {"type": "str", "no_log": True},
}
"""The options whose host variables are C(clusterlink_OPTION)."""


_ANY_PEER = "peer"
"""Stands for the peer's name, which the compiler of the plan checks."""


def option_problems(host: str, params: Mapping[str, Any]) -> Iterator[Problem]:
    """Every value that a module of the run would refuse, named by its variable.

    Args:
        host: The inventory host.
        params: The values of C(OPTIONS), of the right types.
    """
    checks: list[Callable[[], object]] = [
        lambda: key_spec(params["key_type"], params["key_size"]),
        lambda: require_days(params["certificate_days"], "certificate_days"),
        lambda: require_days(params["ca_days"], "ca_days"),
        lambda: require_percent(params["renew_percent"], "renew_percent"),
        lambda: require_subject(params["ca_subject"], "ca_subject"),
        lambda: require_passphrase(params["ca_passphrase"], "ca_passphrase"),
    ]
    if params["install"] != EXTERNAL:
        checks.append(lambda: gateway_spec({**params, "peer": _ANY_PEER}))
    else:
        checks.append(lambda: require_pod_settings(params))  # temporary pods have them, too
    for check in checks:
        try:
            check()
        except ClusterlinkError as error:
            for problem in error.problems:
                yield replace(problem, where=_variable(problem.where), host=host)


def _variable(where: str) -> str:
    option = where.partition(".")[0].partition("[")[0]
    return f"clusterlink_{where}" if option in OPTIONS else where
