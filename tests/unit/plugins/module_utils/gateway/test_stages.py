# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stages in which a gateway comes to new component certificates."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway.install_plan import gateway_stages
from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway.manifests import gateway_objects
from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway.options import gateway_spec
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.components import ComponentRollout

from .material import COMPONENTS, PEER, WORKLOADS


def digests_and_trust(stage: list[dict[str, Any]]) -> tuple[list[str], str | None]:
    """What the pods' templates carry, and what cl-ca would be set to, if at all."""
    found = {(obj["kind"], obj["metadata"]["name"]): obj for obj in stage}
    templates = [found["Deployment", name]["spec"]["template"]["metadata"]["annotations"] for name in WORKLOADS]
    trust = found.get(("Secret", "cl-ca"))
    ca = trust["data"]["ca"] if trust else None
    return [digest for annotations in templates for digest in annotations.values()], ca


def test_without_new_component_certificates_there_is_one_stage() -> None:
    spec = gateway_spec({"peer": "east"})
    assert gateway_stages(spec, PEER, ComponentRollout(COMPONENTS)) == [gateway_objects(spec, PEER, COMPONENTS)]


def test_pods_are_replaced_twice_and_trust_shrinks_without_them() -> None:
    bridge = replace(COMPONENTS, ca_pem="site CA, old CA", controlplane_cert_pem="old leaf")
    stages = gateway_stages(gateway_spec({"peer": "east"}), PEER, ComponentRollout(COMPONENTS, ["due"], bridge))
    (first, trusts_both), (second, kept), (third, trusts_new) = map(digests_and_trust, stages)
    assert all(one != other for one, other in zip(first, second, strict=True))
    assert second == third
    assert trusts_both == base64.b64encode(b"site CA, old CA").decode()
    assert kept is None
    assert trusts_new == base64.b64encode(b"site CA").decode()


def test_surplus_trust_goes_after_pods_that_need_it() -> None:
    stages = gateway_stages(
        gateway_spec({"peer": "east"}), PEER, ComponentRollout(COMPONENTS, ["surplus"], extra_trust=True)
    )
    assert [digests_and_trust(stage)[1] is None for stage in stages] == [True, False]
