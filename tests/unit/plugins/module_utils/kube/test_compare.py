# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The managedFields are in the form that a Kubernetes v1.34 API server writes them."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.compare import (
    creation,
    difference,
    is_applied,
    is_changed_by_hand,
    removal,
)

Object = dict[str, Any]
OURS = "skyshift.clusterlink"


def managed(fields: Object | None, *others: Object, manager: str = OURS, operation: str = "Apply") -> list[Object]:
    ours = {"manager": manager, "operation": operation, "fieldsType": "FieldsV1", "fieldsV1": fields}
    return [*others, *([ours] if fields is not None else [])]


def entry(manager: str, operation: str, **more: Any) -> Object:
    return {"manager": manager, "operation": operation, "fieldsV1": {"f:spec": {"f:port": {}}}, **more}


def fields_of(value: Any) -> Object:
    """What the server records for a value whose lists are all atomic."""
    if isinstance(value, dict) and value:
        return {f"f:{key}": fields_of(below) for key, below in value.items()}
    return {}


DEPLOYMENT: Object = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "d", "namespace": "a", "labels": {"x": "y"}},
    "spec": {
        "replicas": 2,
        "selector": {"matchLabels": {"app": "d"}},
        "template": {
            "spec": {
                "containers": [
                    {
                        "name": "c",
                        "image": "i:1",
                        "ports": [{"containerPort": 443}],
                        "env": [{"name": "A", "value": "1"}],
                    }
                ]
            }
        },
    },
}
PORT_KEY = 'k:{"containerPort":443,"protocol":"TCP"}'
CONTAINER: Object = {
    ".": {},
    "f:name": {},
    "f:image": {},
    "f:ports": {PORT_KEY: {".": {}, "f:containerPort": {}}},
    "f:env": {'k:{"name":"A"}': {".": {}, "f:name": {}, "f:value": {}}},
}
DEPLOYMENT_FIELDS: Object = {
    "f:metadata": {"f:labels": {"f:x": {}}},
    "f:spec": {
        "f:replicas": {},
        "f:selector": {},
        "f:template": {"f:spec": {"f:containers": {'k:{"name":"c"}': CONTAINER}}},
    },
}


def observed_deployment() -> Object:
    """As the server keeps it: with defaults, another manager's label and container, and a status."""
    obj = copy.deepcopy(DEPLOYMENT)
    obj["metadata"].update(resourceVersion="5", uid="u", generation=3, managedFields=managed(DEPLOYMENT_FIELDS))
    obj["metadata"]["labels"]["theirs"] = "z"
    obj["spec"]["revisionHistoryLimit"] = 10
    containers = obj["spec"]["template"]["spec"]["containers"]
    containers[0]["ports"][0]["protocol"] = "TCP"
    containers[0]["imagePullPolicy"] = "IfNotPresent"
    containers.insert(0, {"name": "injected", "image": "sidecar"})
    obj["status"] = {"replicas": 2}
    return obj


def test_defaults_and_other_managers_fields_are_no_difference() -> None:
    assert is_applied(DEPLOYMENT, observed_deployment())


def _image(obj: Object) -> None:
    obj["spec"]["template"]["spec"]["containers"][-1]["image"] = "i:2"


def _label(obj: Object) -> None:
    obj["metadata"]["labels"]["x"] = "other"


def _selector(obj: Object) -> None:
    obj["spec"]["selector"]["matchLabels"]["more"] = "z"


def _env(obj: Object) -> None:
    obj["spec"]["template"]["spec"]["containers"][-1]["env"].append({"name": "B", "value": "2"})


def _no_env(obj: Object) -> None:
    del obj["spec"]["template"]["spec"]["containers"][-1]["env"]


def _port(obj: Object) -> None:
    obj["spec"]["template"]["spec"]["containers"][-1]["ports"] = [{"containerPort": 80}]


def _replicas(obj: Object) -> None:
    del obj["spec"]["replicas"]


@pytest.mark.parametrize("change", [_image, _label, _selector, _env, _no_env, _port, _replicas])
def test_whatever_is_wanted_otherwise_or_no_longer_is_a_difference(change: Any) -> None:
    desired = copy.deepcopy(DEPLOYMENT)
    change(desired)
    assert not is_applied(desired, observed_deployment())


@pytest.mark.parametrize("change", [_image, _label, _selector, _no_env, _port, _replicas])
def test_whatever_was_changed_in_the_cluster_is_a_difference(change: Any) -> None:
    observed = observed_deployment()
    change(observed)
    assert not is_applied(DEPLOYMENT, observed)


def test_item_of_a_set_counts_by_its_value() -> None:
    desired = {"metadata": {"name": "x", "finalizers": ["a", "b"]}}
    fields: dict[str, Any] = {"f:metadata": {"f:finalizers": {'v:"a"': {}, 'v:"b"': {}}}}
    observed = {"metadata": {"finalizers": ["c", "b", "a"], "managedFields": managed(fields)}}
    assert is_applied(desired, observed)
    assert not is_applied({"metadata": {"name": "x", "finalizers": ["a", "d"]}}, observed)


def test_object_that_we_never_applied_is_a_difference_though_its_values_are_as_wanted() -> None:
    spec = {"spec": {"port": 80}}
    by_update = managed(fields_of(spec), operation="Update")
    by_status = managed(fields_of(spec))
    by_status[0]["subresource"] = "status"
    by_other = managed(fields_of(spec), manager="kubectl")
    for fields in (by_update, by_status, by_other, []):
        assert not is_applied({"metadata": {"name": "x"}, **spec}, {"metadata": {"managedFields": fields}, **spec})


values = st.recursive(
    st.booleans() | st.integers() | st.text(max_size=5) | st.lists(st.integers(), max_size=3),
    lambda below: st.dictionaries(st.text(min_size=1, max_size=4), below, min_size=1, max_size=3),
    max_leaves=8,
)
specs = st.dictionaries(st.text(min_size=1, max_size=4), values, min_size=1, max_size=4)


@given(spec=specs, other=specs)
def test_what_was_applied_is_applied_and_anything_else_is_not(spec: Object, other: Object) -> None:
    def wanted(value: Object) -> Object:
        return {"kind": "Export", "apiVersion": "v", "metadata": {"name": "x"}, "spec": value}

    observed = {
        "metadata": {"name": "x", "managedFields": managed(fields_of({"spec": spec}))},
        "spec": {**spec, "filled in by a controller": 1},
    }
    assert is_applied(wanted(spec), observed)
    assert is_applied(wanted(other), observed) is (
        json.dumps(other, sort_keys=True) == json.dumps(spec, sort_keys=True)
    )


def test_difference_holds_only_what_differs_and_list_items_by_name() -> None:
    before, after = observed_deployment(), observed_deployment()
    _image(after)
    after["metadata"].update(resourceVersion="6", generation=4)
    after["status"] = {"replicas": 1}
    change = difference(before, after)

    def containers(image: str) -> Object:
        return {"spec": {"template": {"spec": {"containers": [{"name": "c", "image": image}]}}}}

    assert (change.before, change.after) == (containers("i:1"), containers("i:2"))


def owned(**spec: Any) -> Object:
    return {"metadata": {"managedFields": managed(fields_of({"spec": spec}))}, "spec": spec}


def test_field_that_is_gone_is_shown_before_and_one_that_is_new_after() -> None:
    change = difference(owned(host="h", port=1), owned(port=1, weight=2))
    assert (change.before, change.after) == ({"spec": {"host": "h"}}, {"spec": {"weight": 2}})


def test_what_a_controller_writes_meanwhile_is_no_difference() -> None:
    before, after = owned(port=1), owned(port=1)
    after["spec"]["targetPort"] = 1234
    after["metadata"]["annotations"] = {"deployment.kubernetes.io/revision": "1"}
    assert not difference(before, after).changed


def test_item_that_left_a_list_is_shown_before() -> None:
    before, after = observed_deployment(), observed_deployment()
    _no_env(after)
    fields = copy.deepcopy(DEPLOYMENT_FIELDS)
    del fields["f:spec"]["f:template"]["f:spec"]["f:containers"]['k:{"name":"c"}']["f:env"]
    after["metadata"]["managedFields"] = managed(fields)
    change = difference(before, after)
    assert change.before["spec"]["template"]["spec"]["containers"] == [
        {"name": "c", "env": [{"name": "A", "value": "1"}]}
    ]
    assert change.after["spec"]["template"]["spec"]["containers"] == [{"name": "c"}]


def test_change_of_ownership_alone_is_a_difference_that_is_named() -> None:
    spec = {"spec": {"port": 80}}
    theirs = {"metadata": {"managedFields": managed(None)}, **spec}
    ours = {"metadata": {"managedFields": managed(fields_of(spec))}, **spec}
    assert difference(theirs, ours).after == {"metadata": {"managedFields": {OURS: ["spec.port"]}}}
    assert difference(ours, theirs).before == {"metadata": {"managedFields": {OURS: ["spec.port"]}}}
    assert not difference(ours, copy.deepcopy(ours)).changed


def test_other_managers_and_times_are_no_difference() -> None:
    spec = {"spec": {"port": 80}}
    before = {"metadata": {"managedFields": managed(fields_of(spec))}, **spec}
    after: dict[str, Any] = {
        "metadata": {"managedFields": managed(fields_of(spec), entry("kubectl", "Update"))},
        **spec,
    }
    after["metadata"]["managedFields"][-1]["time"] = "2026-01-01T00:00:00Z"
    assert not difference(before, after).changed


def test_secret_is_shown_by_fingerprints_only() -> None:
    def secret(value: str) -> Object:
        last = json.dumps({"data": {"key.pem": value}})
        return {
            "kind": "Secret",
            "metadata": {
                "name": "s",
                "annotations": {"kubectl.kubernetes.io/last-applied-configuration": last, "keep": "me"},
            },
            "data": {"key.pem": value, "same": "c2FtZQ=="},
            "stringData": {"other": value},
        }

    def stored(value: str) -> Object:
        obj = secret(value)
        obj["metadata"]["managedFields"] = managed(fields_of({"data": obj["data"]}))
        return obj

    changes = [difference(stored("b2xk"), stored("bmV3")), creation(secret("bmV3")), removal(secret("b2xk"))]
    for change in changes:
        assert change.changed
        shown = json.dumps([change.before, change.after])
        assert "b2xk" not in shown
        assert "bmV3" not in shown
        assert "sha256 " in shown
    assert "same" not in json.dumps(changes[0].before)
    assert changes[1].after["metadata"]["annotations"] == {"keep": "me"}


@pytest.mark.parametrize(
    ("entries", "managers", "by_hand"),
    [
        ([entry("kubectl-edit", "Update")], ["kubectl-edit"], True),
        ([entry("kubectl", "Update", subresource="scale")], ["kubectl"], True),
        ([entry("kube-controller-manager", "Update", subresource="scale")], ["kube-controller-manager"], True),
        ([entry("kube-controller-manager", "Update")], ["kube-controller-manager"], False),
        ([entry("keda", "Update", subresource="scale")], ["keda"], False),
        ([entry("kubectl-patch", "Update"), entry("kubectl-set", "Update")], ["kubectl-patch", "kubectl-set"], True),
        ([entry("kubectl", "Apply")], ["kubectl"], False),
        ([entry("kubectl", "Apply"), entry("kubectl", "Update")], ["kubectl"], False),
        ([entry("kubectl-client-side-apply", "Update")], ["kubectl-client-side-apply"], False),
        ([entry("argocd-controller", "Apply")], ["argocd-controller"], False),
        ([entry("kubectl-edit", "Update"), entry("helm", "Update")], ["helm", "kubectl-edit"], False),
        ([entry("kubectlish", "Update")], ["kubectlish"], False),
    ],
)
def test_change_by_hand_is_distinguished_from_another_systems(
    entries: list[Object], managers: list[str], by_hand: bool
) -> None:
    observed = {"metadata": {"managedFields": managed({"f:spec": {}}, *entries)}}
    assert is_changed_by_hand(observed, managers) is by_hand


def test_object_that_was_never_ours_is_not_changed_by_hand() -> None:
    observed = {"metadata": {"managedFields": [entry("kubectl-edit", "Update")]}}
    assert not is_changed_by_hand(observed, ["kubectl-edit"])
