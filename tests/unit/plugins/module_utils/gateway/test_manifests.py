# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The objects of a gateway. That they run is shown in tests/integration/test_gateway.py."""

from __future__ import annotations

import base64
import json
import re
import socket
import subprocess
from typing import Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway.manifests import (
    certificate_digest,
    gateway_objects,
)
from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway.options import gateway_spec
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.components import ComponentCertificates
from tests.support.waiting import PATIENCE_SECONDS

from .material import COMPONENTS, PEER, WORKLOADS


def objects(components: ComponentCertificates = COMPONENTS, **options: Any) -> dict[tuple[str, str], dict[str, Any]]:
    """The gateway's objects by kind and name."""
    made = gateway_objects(gateway_spec({"peer": "east", **options}), PEER, components)
    return {(obj["kind"], obj["metadata"]["name"]): obj for obj in made}


def pod_of(name: str, **options: Any) -> dict[str, Any]:
    pod: dict[str, Any] = objects(**options)["Deployment", name]["spec"]["template"]["spec"]
    return pod


def container_of(name: str, **options: Any) -> dict[str, Any]:
    [container] = pod_of(name, **options)["containers"]
    found: dict[str, Any] = container
    return found


def rules_of(kind: str) -> list[dict[str, Any]]:
    [rules] = [obj["rules"] for (found, _name), obj in objects().items() if found == kind]
    return list(rules)


def allowed(kind: str) -> set[tuple[str, str, str]]:
    """What a role allows, as (resource, verb, the only name it holds for)."""
    return {
        (f"{resource}.{group}".rstrip("."), verb, name)
        for rule in rules_of(kind)
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
        for name in rule.get("resourceNames", [""])
    }


def test_the_same_input_gives_the_same_objects() -> None:
    labels = {"b": "2", "a": "1"}
    assert json.dumps(list(objects(labels=labels).values())) == json.dumps(
        list(objects(labels=dict(sorted(labels.items()))).values())
    )


def test_objects_come_after_what_they_need() -> None:
    kinds = list(dict.fromkeys(kind for kind, _name in objects()))
    assert kinds == [
        "Namespace",
        "Secret",
        "ServiceAccount",
        "Role",
        "RoleBinding",
        "ClusterRole",
        "ClusterRoleBinding",
        "Service",
        "Deployment",
    ]


def test_all_of_it_is_in_the_gateways_namespace_and_carries_its_labels() -> None:
    for (kind, _name), obj in objects(namespace="links", fabric="demo").items():
        if kind not in ("Namespace", "ClusterRole", "ClusterRoleBinding"):
            assert obj["metadata"]["namespace"] == "links"
        assert obj["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "skyshift.clusterlink"
        if kind != "Namespace":
            assert obj["metadata"]["labels"]["skyshift.clusterlink/fabric"] == "demo"


# The restricted Pod Security Standard, field by field (kubernetes.io/docs/concepts/security/pod-security-standards).


@pytest.mark.parametrize("name", WORKLOADS)
@pytest.mark.parametrize("kind", ["envoy", "go"])
def test_a_pod_meets_the_restricted_standard(name: str, kind: str) -> None:
    pod = pod_of(name, dataplane=kind)
    for field in ("hostNetwork", "hostPID", "hostIPC", "initContainers"):
        assert field not in pod
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] > 0
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert "sysctls" not in pod["securityContext"]
    allowed_volumes = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim"}
    allowed_volumes |= {"projected", "secret"}
    for volume in pod["volumes"]:
        assert set(volume) - {"name"} <= allowed_volumes
    for container in pod["containers"]:
        context = container["securityContext"]
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert not {"privileged", "procMount", "runAsUser", "runAsNonRoot", "seccompProfile"} & set(context)
        for port in container["ports"]:
            assert "hostPort" not in port


@pytest.mark.parametrize("name", WORKLOADS)
def test_nothing_in_a_pod_can_be_written(name: str) -> None:
    container = container_of(name)
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert all(mount["readOnly"] for mount in container["volumeMounts"])


@pytest.mark.parametrize("name", WORKLOADS)
def test_its_secrets_are_readable_for_its_own_group_and_nobody_else(name: str) -> None:
    pod = pod_of(name)
    assert pod["securityContext"]["fsGroup"] == pod["securityContext"]["runAsUser"]
    assert {volume["secret"]["defaultMode"] for volume in pod["volumes"]} == {0o440}


def test_a_new_namespace_enforces_the_restricted_standard() -> None:
    labels = objects()["Namespace", "clusterlink-system"]["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


def test_only_the_control_plane_gets_a_token() -> None:
    assert pod_of("cl-dataplane")["automountServiceAccountToken"] is False
    assert "serviceAccountName" not in pod_of("cl-dataplane")
    assert pod_of("cl-controlplane")["automountServiceAccountToken"] is True
    assert pod_of("cl-controlplane")["serviceAccountName"] == "cl-controlplane"
    assert objects()["ServiceAccount", "cl-controlplane"]["automountServiceAccountToken"] is False


# Least privilege.


def test_secrets_peers_leases_and_events_are_allowed_in_the_gateways_namespace_only() -> None:
    assert allowed("Role") == {
        ("secrets", "get", ""),
        ("secrets", "list", ""),
        ("secrets", "watch", ""),
        ("secrets", "create", ""),
        ("secrets", "update", "jwk"),
        ("peers.clusterlink.net", "get", ""),
        ("peers.clusterlink.net", "list", ""),
        ("peers.clusterlink.net", "watch", ""),
        ("peers/status.clusterlink.net", "update", ""),
        ("leases.coordination.k8s.io", "create", ""),
        ("leases.coordination.k8s.io", "get", "cl-controlplane"),
        ("leases.coordination.k8s.io", "update", "cl-controlplane"),
        ("events", "create", ""),
        ("events", "patch", ""),
    }


def test_in_the_whole_cluster_only_what_imports_exports_and_policies_need_is_allowed() -> None:
    read = {"get", "list", "watch"}
    by_resource: dict[str, set[str]] = {}
    for resource, verb, _namespace in allowed("ClusterRole"):
        by_resource.setdefault(resource, set()).add(verb)
    assert by_resource == {
        "pods": read,
        "services": {*read, "create", "update", "delete"},
        "endpointslices.discovery.k8s.io": {*read, "create", "update", "delete"},
        "exports.clusterlink.net": read,
        "imports.clusterlink.net": {*read, "update"},
        "accesspolicies.clusterlink.net": read,
        "privilegedaccesspolicies.clusterlink.net": read,
        "exports/status.clusterlink.net": {"update"},
        "imports/status.clusterlink.net": {"update"},
    }


@pytest.mark.parametrize("kind", ["Role", "ClusterRole"])
def test_no_rule_has_a_wildcard(kind: str) -> None:
    assert "*" not in json.dumps(rules_of(kind))


@pytest.mark.parametrize("kind", ["RoleBinding", "ClusterRoleBinding"])
def test_rights_are_the_control_planes_own_account_s(kind: str) -> None:
    [binding] = [obj for (found, _name), obj in objects(namespace="links").items() if found == kind]
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "cl-controlplane", "namespace": "links"}]


def test_gateways_in_two_namespaces_do_not_share_a_cluster_role() -> None:
    roles = {obj["metadata"]["name"] for space in "ab" for obj in objects(namespace=space).values()}
    assert {"clusterlink:a:cl-controlplane", "clusterlink:b:cl-controlplane"} <= roles


# Certificates and secrets.


def test_secrets_hold_what_gateways_look_for() -> None:
    found = {
        name: {key: base64.b64decode(value).decode() for key, value in obj["data"].items()}
        for (kind, name), obj in objects().items()
        if kind == "Secret"
    }
    assert found == {
        "cl-peer": {"cert.pem": "peer leaf, CA", "key.pem": "peer secret", "ca.pem": "fabric CA"},
        "cl-ca": {"ca": "site CA"},
        "cl-controlplane": {"cert": "control plane leaf", "key": "control plane secret"},
        "cl-dataplane": {"cert": "data plane leaf", "key": "data plane secret"},
    }


def test_nothing_but_a_secret_holds_a_key() -> None:
    others = json.dumps([obj for (kind, _name), obj in objects().items() if kind != "Secret"])
    for secret in (PEER.key_pem, COMPONENTS.controlplane_key_pem, COMPONENTS.dataplane_key_pem):
        assert secret not in others
        assert base64.b64encode(secret.encode()).decode() not in others


def pod_annotations(name: str, components: ComponentCertificates = COMPONENTS) -> dict[str, str]:
    found: dict[str, str] = objects(components)["Deployment", name]["spec"]["template"]["metadata"]["annotations"]
    return found


def components(**changes: str) -> ComponentCertificates:
    return ComponentCertificates(**{**vars(COMPONENTS), **changes})


def test_a_new_component_certificate_restarts_what_mounts_it_and_nothing_else() -> None:
    new = components(dataplane_cert_pem="new")
    assert pod_annotations("cl-dataplane", new) != pod_annotations("cl-dataplane")
    assert pod_annotations("cl-controlplane", new) == pod_annotations("cl-controlplane")


@pytest.mark.parametrize("name", WORKLOADS)
def test_a_new_site_ca_restarts_both(name: str) -> None:
    assert pod_annotations(name, components(ca_pem="new")) != pod_annotations(name)


@pytest.mark.parametrize("name", WORKLOADS)
def test_annotations_say_nothing_of_keys(name: str) -> None:
    new = components(controlplane_key_pem="new", dataplane_key_pem="new")
    assert pod_annotations(name, new) == pod_annotations(name)


def test_a_digest_tells_where_one_certificate_ends() -> None:
    assert certificate_digest("ab", "c") != certificate_digest("a", "bc")


# What gateways look for (cmd/cl-controlplane/app, cmd/cl-dataplane/app of ClusterLink v0.4.1).


def mounts_of(name: str) -> dict[str, tuple[str, str]]:
    secrets = {volume["name"]: volume["secret"]["secretName"] for volume in pod_of(name)["volumes"]}
    mounts = container_of(name)["volumeMounts"]
    return {mount["mountPath"]: (secrets[mount["name"]], mount.get("subPath", "")) for mount in mounts}


def test_the_control_planes_files_are_where_it_reads_them() -> None:
    assert mounts_of("cl-controlplane") == {
        "/etc/ssl/certs/clink_ca.pem": ("cl-ca", "ca"),
        "/etc/ssl/certs/clink-controlplane.pem": ("cl-controlplane", "cert"),
        "/etc/ssl/key/clink-controlplane.pem": ("cl-controlplane", "key"),
        # A folder, not single files: it is read again when it changes, which a subPath never does.
        "/etc/ssl/certs/clink": ("cl-peer", ""),
    }


def test_the_data_planes_files_are_where_it_reads_them() -> None:
    assert mounts_of("cl-dataplane") == {
        "/etc/ssl/certs/clink_ca.pem": ("cl-ca", "ca"),
        "/etc/ssl/certs/clink-dataplane.pem": ("cl-dataplane", "cert"),
        "/etc/ssl/key/clink-dataplane.pem": ("cl-dataplane", "key"),
    }


def test_peer_labels_are_arguments_in_a_fixed_order() -> None:
    arguments = container_of("cl-controlplane", labels={"zone": "b", "region": "eu"}, log_level="warn")["args"]
    assert arguments == ["--log-level", "warn", "--peer-label", "region=eu", "--peer-label", "zone=b"]


def test_the_data_plane_is_told_where_the_control_plane_is() -> None:
    assert container_of("cl-dataplane")["args"] == ["--log-level", "info", "--controlplane-host", "cl-controlplane"]


def test_envoy_is_told_a_level_that_it_knows() -> None:
    assert "critical" in container_of("cl-dataplane", log_level="fatal")["args"]
    assert "fatal" in container_of("cl-dataplane", log_level="fatal", dataplane="go")["args"]
    assert "fatal" in container_of("cl-controlplane", log_level="fatal")["args"]


# Availability.


@pytest.mark.parametrize(("name", "dataplane", "drain"), [("cl-controlplane", "envoy", 90), ("cl-dataplane", "go", 15)])
def test_a_rolling_restart_takes_no_pod_away_before_another_serves(name: str, dataplane: str, drain: int) -> None:
    deployment = objects(dataplane=dataplane)["Deployment", name]["spec"]
    assert deployment["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    assert deployment["minReadySeconds"] == 2
    assert container_of(name, dataplane=dataplane)["lifecycle"] == {"preStop": {"sleep": {"seconds": drain}}}
    assert container_of(name)["readinessProbe"]["httpGet"]["port"] == 4445


@pytest.mark.parametrize("dataplane", ["envoy", "go"])
def test_a_pod_ends_after_it_has_drained_for_as_long_as_chosen(dataplane: str) -> None:
    made = objects(dataplane=dataplane, controlplane_drain_seconds=7, dataplane_drain_seconds=9)
    for name, drain in (("cl-controlplane", 7), ("cl-dataplane", 9)):
        pod = made["Deployment", name]["spec"]["template"]["spec"]
        hook = json.dumps(pod["containers"][0]["lifecycle"]["preStop"])
        assert sum(int(seconds) for seconds in re.findall(r'(?:sleep |"seconds": )(\d+)', hook)) == drain
        assert pod["terminationGracePeriodSeconds"] == drain + 15


def test_envoy_closes_kept_connections_before_it_ends() -> None:
    [*shell, script] = container_of("cl-dataplane")["lifecycle"]["preStop"]["exec"]["command"]
    assert shell == ["bash", "-c"]
    with socket.create_server(("127.0.0.1", 0)) as admin:
        here = re.sub(r"sleep \d+", "sleep 0", script).replace("1500", str(admin.getsockname()[1]))
        subprocess.run([*shell, here], check=True, timeout=PATIENCE_SECONDS)
        asked = admin.accept()[0].recv(1024)
    assert asked == b"POST /healthcheck/fail HTTP/1.1\r\nHost: envoy\r\nContent-Length: 0\r\n\r\n"
    away = subprocess.run([*shell, here], check=False, timeout=PATIENCE_SECONDS, capture_output=True)
    assert away.returncode == 0


def test_a_data_plane_has_time_to_get_its_listeners() -> None:
    assert container_of("cl-dataplane")["readinessProbe"]["initialDelaySeconds"] == 3
    assert "initialDelaySeconds" not in container_of("cl-controlplane")["readinessProbe"]


def test_resources_are_requested_unless_they_are_said_to_be_none() -> None:
    limits = {"limits": {"memory": "128Mi"}}
    assert container_of("cl-dataplane", dataplane_resources=limits)["resources"] == limits
    assert container_of("cl-dataplane")["resources"] == {"requests": {"cpu": "100m", "memory": "64Mi"}}
    assert "resources" not in container_of("cl-dataplane", dataplane_resources={})


# Ingress.


@pytest.mark.parametrize(
    ("ingress_type", "expected"),
    [("NodePort", "NodePort"), ("LoadBalancer", "LoadBalancer"), ("none", "ClusterIP")],
)
def test_the_ingress_is_always_there_under_the_name_that_imports_look_for(ingress_type: str, expected: str) -> None:
    ingress = objects(ingress_type=ingress_type)["Service", "clusterlink"]["spec"]
    assert ingress["type"] == expected
    assert ingress["selector"] == {"app": "cl-dataplane"}
    assert ingress["ports"] == [{"name": "https", "port": 443, "targetPort": 4443, "protocol": "TCP"}]


def test_a_node_port_may_be_fixed() -> None:
    [port] = objects(ingress_port=30443)["Service", "clusterlink"]["spec"]["ports"]
    assert (port["port"], port["nodePort"]) == (443, 30443)


def test_a_load_balancers_controller_is_told_by_annotations() -> None:
    found = objects(ingress_type="LoadBalancer", ingress_annotations={"example.com/pool": "edge"})
    assert found["Service", "clusterlink"]["metadata"]["annotations"] == {"example.com/pool": "edge"}
    assert "annotations" not in found["Service", "cl-controlplane"]["metadata"]
