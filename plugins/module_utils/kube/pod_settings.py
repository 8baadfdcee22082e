# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a cluster's owner lets pods run, and what its admission requires of them. Pure.

The options have the names of Kubernetes' fields, as Helm charts do. Their values are Kubernetes' own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..common.fields import Item, Report
from ..common.naming import dns_subdomain_fault, label_key_fault, label_value_fault
from ..common.shapes import Items, Number, Record, Text, Texts, check_shape, plain
from .pod_user import AUTO, PLATFORM, USER_IDS, pod_security_context

PULL_POLICIES = ("Always", "IfNotPresent", "Never")
DEFAULT_PULL_POLICY = "IfNotPresent"

MESH_LABELS: Mapping[str, str] = {
    "istio.io/dataplane-mode": "none",
    "kuma.io/sidecar-injection": "disabled",
    "sidecar.istio.io/inject": "false",
}
MESH_ANNOTATIONS: Mapping[str, str] = {
    "consul.hashicorp.com/connect-inject": "false",
    "linkerd.io/inject": "disabled",
}
"""What keeps a service mesh out of a pod, in whatever namespace it runs (Istio, Kuma, Consul, Linkerd).

A sidecar would end the TLS connections between gateways, and needs more than the restricted Pod Security Standard
allows.
"""

POD_SPEC: dict[str, Any] = {
    "node_selector": {"type": "dict"},
    "tolerations": {"type": "list", "elements": "dict"},
    "affinity": {"type": "dict"},
    "priority_class_name": {"type": "str"},
    "pod_labels": {"type": "dict"},
    "pod_annotations": {"type": "dict"},
    "image_pull_policy": {"type": "str", "choices": list(PULL_POLICIES), "default": DEFAULT_PULL_POLICY},
    # Names of Secrets, not what is in them.
    "image_pull_secrets": {"type": "list", "elements": "str", "default": [], "no_log": False},
    "user_ids": {"type": "str", "choices": list(USER_IDS), "default": AUTO},
}
"""The options of every module that creates pods; C(PodSettings) describes them."""

SPREAD_OPTION = "topology_spread_constraints"
SPREAD_SPEC: dict[str, Any] = {SPREAD_OPTION: {"type": "list", "elements": "dict"}}
"""The option of a module that creates several pods alike."""

_OWN_LABELS = ("app", "app.kubernetes.io/managed-by", "pod-template-hash")
"""Labels by which controllers, Services and this collection find pods."""
_OWN_PREFIX = "skyshift.clusterlink/"

_KEY, _VALUE = Text(fault=label_key_fault), Text(fault=label_value_fault)
_EXPRESSIONS = Items(
    Record(
        {
            "key": _KEY,
            "operator": Text(("In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt")),
            "values": Items(Text()),
        },
        required=("key", "operator"),
    )
)
_NODE_TERM = Record({"matchExpressions": _EXPRESSIONS, "matchFields": _EXPRESSIONS})
_LABEL_SELECTOR = Record({"matchLabels": Texts(label_value_fault), "matchExpressions": _EXPRESSIONS})
_POD_TERM = Record(
    {
        "labelSelector": _LABEL_SELECTOR,
        "topologyKey": _KEY,
        "namespaces": Items(Text()),
        "namespaceSelector": _LABEL_SELECTOR,
        "matchLabelKeys": Items(_KEY),
        "mismatchLabelKeys": Items(_KEY),
    },
    required=("topologyKey",),
)
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
_WEIGHT = Number(1, 100)
_POD_AFFINITY = Record(
    {
        _REQUIRED: Items(_POD_TERM),
        _PREFERRED: Items(
            Record({"weight": _WEIGHT, "podAffinityTerm": _POD_TERM}, required=("weight", "podAffinityTerm"))
        ),
    }
)
_AFFINITY = Record(
    {
        "nodeAffinity": Record(
            {
                _REQUIRED: Record({"nodeSelectorTerms": Items(_NODE_TERM)}, required=("nodeSelectorTerms",)),
                _PREFERRED: Items(
                    Record({"weight": _WEIGHT, "preference": _NODE_TERM}, required=("weight", "preference"))
                ),
            }
        ),
        "podAffinity": _POD_AFFINITY,
        "podAntiAffinity": _POD_AFFINITY,
    }
)
_NO_EXECUTE = "NoExecute"
_TOLERATIONS = Items(
    Record(
        {
            "key": _KEY,
            "operator": Text(("Exists", "Equal")),
            "value": _VALUE,
            "effect": Text(("NoSchedule", "PreferNoSchedule", _NO_EXECUTE)),
            "tolerationSeconds": Number(-(2**31)),
        }
    )
)
_POLICY = Text(("Honor", "Ignore"))
_SPREAD = Items(
    Record(
        {
            "maxSkew": Number(1),
            "topologyKey": _KEY,
            "whenUnsatisfiable": Text(("DoNotSchedule", "ScheduleAnyway")),
            "labelSelector": _LABEL_SELECTOR,
            "matchLabelKeys": Items(_KEY),
            "minDomains": Number(1),
            "nodeAffinityPolicy": _POLICY,
            "nodeTaintsPolicy": _POLICY,
        },
        required=("maxSkew", "topologyKey", "whenUnsatisfiable"),
    )
)


@dataclass(frozen=True)
class PodSettings:
    """What the owner of a cluster wants of pods.

    Attributes:
        node_selector: The labels of the nodes on which they may run.
        tolerations: The taints of nodes that they tolerate.
        affinity: An C(Affinity); empty for none.
        priority_class_name: The PriorityClass; empty for the cluster's default.
        labels: Further labels.
        annotations: Further annotations.
        image_pull_policy: One of PULL_POLICIES.
        image_pull_secrets: Secrets in the pods' namespace with a registry's credentials.
        user_ids: One of C(pod_user.USER_IDS).
        spread: C(topologySpreadConstraints); None for the pods' own default, empty for none.
    """

    node_selector: Mapping[str, str] = field(default_factory=dict)
    tolerations: Sequence[Mapping[str, Any]] = ()
    affinity: Mapping[str, Any] = field(default_factory=dict)
    priority_class_name: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    image_pull_policy: str = DEFAULT_PULL_POLICY
    image_pull_secrets: tuple[str, ...] = ()
    user_ids: str = AUTO
    spread: Sequence[Mapping[str, Any]] | None = None

    def all_labels(self) -> dict[str, str]:
        """A pod's labels, those that keep a mesh out included; a label that is set counts more."""
        return {**MESH_LABELS, **self.labels}

    def all_annotations(self) -> dict[str, str]:
        """A pod's annotations, in the same way."""
        return {**MESH_ANNOTATIONS, **self.annotations}

    def on_platform(self, *, assigns_user_ids: bool) -> PodSettings:
        """These settings in a cluster whose platform assigns user and group ids to pods, or does not."""
        return replace(self, user_ids=PLATFORM) if assigns_user_ids and self.user_ids == AUTO else self

    def security_context(self, *, owns_volumes: bool = False) -> dict[str, Any]:
        """A pod's C(securityContext), as C(pod_security_context)."""
        return pod_security_context(self.user_ids, owns_volumes=owns_volumes)

    def fields(self) -> dict[str, Any]:
        """The fields of a pod's C(spec); what is not set is left out, so that the cluster decides it."""
        fields = {
            "nodeSelector": dict(self.node_selector),
            "tolerations": [dict(each) for each in self.tolerations],
            "affinity": dict(self.affinity),
            "priorityClassName": self.priority_class_name,
            "imagePullSecrets": [{"name": secret} for secret in self.image_pull_secrets],
        }
        return {name: value for name, value in fields.items() if value}


def read_pod_settings(item: Item) -> PodSettings:
    """Read and check the options of C(POD_SPEC) and C(SPREAD_SPEC); a missing or null one takes its default."""
    return PodSettings(
        node_selector=item.labels("node_selector"),
        tolerations=tuple(_tolerations(item)),
        affinity=_affinity(item),
        priority_class_name=item.name("priority_class_name", fault=dns_subdomain_fault),
        labels=_without_own(item, "pod_labels", item.labels("pod_labels")),
        annotations=_without_own(item, "pod_annotations", item.annotations("pod_annotations")),
        image_pull_policy=item.choice("image_pull_policy", PULL_POLICIES, DEFAULT_PULL_POLICY),
        image_pull_secrets=_pull_secrets(item),
        user_ids=item.choice("user_ids", USER_IDS, AUTO),
        spread=_spread(item),
    )


def require_pod_settings(options: Mapping[str, Any]) -> PodSettings:
    """The settings.

    Raises:
        ClusterlinkError: With every problem of the options.
    """
    report = Report()
    settings = read_pod_settings(Item(options, "", report))
    report.raise_any()
    return settings


def options_of(settings: PodSettings) -> dict[str, Any]:
    """The options from which C(read_pod_settings) reads these settings."""
    return {
        "node_selector": dict(settings.node_selector),
        "tolerations": list(settings.tolerations),
        "affinity": dict(settings.affinity),
        "priority_class_name": settings.priority_class_name or None,
        "pod_labels": dict(settings.labels),
        "pod_annotations": dict(settings.annotations),
        "image_pull_policy": settings.image_pull_policy,
        "image_pull_secrets": list(settings.image_pull_secrets),
        "user_ids": settings.user_ids,
        SPREAD_OPTION: None if settings.spread is None else list(settings.spread),
    }


def set_options(settings: PodSettings) -> dict[str, Any]:
    """The options that differ from their defaults."""
    defaults = options_of(PodSettings())
    return {option: value for option, value in options_of(settings).items() if value != defaults[option]}


def _without_own(item: Item, key: str, given: dict[str, str]) -> dict[str, str]:
    for name in given:
        if name.startswith(_OWN_PREFIX) or (key == "pod_labels" and name in _OWN_LABELS):
            item.problem(f"{key}.{name}", "is set by this collection or by Kubernetes", fix="Choose another key")
    return given


def _tolerations(item: Item) -> list[dict[str, Any]]:
    check_shape(item, "tolerations", _TOLERATIONS)
    found = _mappings(item, "tolerations")
    for index, each in enumerate(found):
        path = f"tolerations[{index}]"
        if each.get("operator") == "Exists" and each.get("value"):
            item.problem(f"{path}.value", "must be left out with operator Exists", each["value"])
        if not each.get("key") and each.get("operator") != "Exists":
            item.problem(f"{path}.key", "is required unless operator is Exists, which tolerates every taint then")
        if each.get("tolerationSeconds") is not None and each.get("effect") != _NO_EXECUTE:
            item.problem(f"{path}.tolerationSeconds", f"needs effect {_NO_EXECUTE}", each["tolerationSeconds"])
    return found


def _affinity(item: Item) -> dict[str, Any]:
    check_shape(item, "affinity", _AFFINITY)
    found = plain(item.peek("affinity"))
    return found if isinstance(found, dict) else {}


def _spread(item: Item) -> list[dict[str, Any]] | None:
    check_shape(item, SPREAD_OPTION, _SPREAD)
    return None if item.get(SPREAD_OPTION) is None else _mappings(item, SPREAD_OPTION)


def _mappings(item: Item, key: str) -> list[dict[str, Any]]:
    """The mappings of a list whose shape is checked."""
    found = plain(item.peek(key))
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _pull_secrets(item: Item) -> tuple[str, ...]:
    names = []
    for value, path in item.values("image_pull_secrets"):
        if not isinstance(value, str) or dns_subdomain_fault(value):
            item.problem(path, "is not the name of a Secret", value)
        else:
            names.append(value)
    return tuple(names)
