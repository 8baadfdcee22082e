# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading a gateway's options: defaults, every problem by its option, amounts, and the peer's certificate."""

from __future__ import annotations

from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway.options import (
    amount,
    gateway_spec,
    given_certificate,
)
from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway.spec import (
    DEFAULT_RESOURCES,
    Component,
    GatewaySpec,
    Ingress,
)
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.pod_settings import PodSettings
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.ca import CaRequest, make_ca
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.certificates import chain_pem
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.issue import (
    Issuer,
    Leaf,
    Term,
    Usage,
    issue_leaf,
)
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.keys import KeySpec, generate, key_pem
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.subject import leaf_subject

DIGEST = "sha256:" + "0123456789abcdef" * 4


def spec(**options: Any) -> GatewaySpec:
    return gateway_spec({"peer": "east", **options})


def problems(**options: Any) -> dict[str, str]:
    """What is found wrong, by where."""
    with pytest.raises(ClusterlinkError) as raised:
        spec(**options)
    return {problem.where: f"{problem.what}. {problem.fix}" for problem in raised.value.problems}


def test_a_name_is_all_that_is_needed() -> None:
    assert spec() == GatewaySpec(
        fabric="fabric",
        peer="east",
        namespace="clusterlink-system",
        labels={},
        version="v0.4.1",
        controlplane=Component("ghcr.io/clusterlink-net/cl-controlplane:v0.4.1", 1, DEFAULT_RESOURCES, 90),
        dataplane=Component("ghcr.io/clusterlink-net/cl-dataplane:v0.4.1", 1, DEFAULT_RESOURCES, 15),
        dataplane_kind="envoy",
        log_level="info",
        pods=PodSettings(),
        ingress=Ingress("NodePort", 443, None, {}),
        public_host="",
        public_port=None,
        install="direct",
    )


def test_an_option_that_is_none_has_its_default() -> None:
    options = ("fabric", "namespace", "labels", "version", "images", "ingress_port", "controlplane_replicas")
    assert spec(**dict.fromkeys(options)) == spec()


def test_the_go_data_plane_has_its_own_image() -> None:
    assert spec(dataplane="go").dataplane.image == "ghcr.io/clusterlink-net/cl-go-dataplane:v0.4.1"


def test_images_come_from_any_registry_with_any_tag() -> None:
    found = spec(image_registry="mirror.example.com:5000/a/b", image_tag="v0.4.1-fips")
    assert found.controlplane.image == "mirror.example.com:5000/a/b/cl-controlplane:v0.4.1-fips"
    assert found.dataplane.image == "mirror.example.com:5000/a/b/cl-dataplane:v0.4.1-fips"


@pytest.mark.parametrize(
    "image", [f"example.com/cp@{DIGEST}", f"example.com:5000/x/cp:v1@{DIGEST}", "example.com/x/cp:v1", "cp:1"]
)
def test_an_image_that_is_named_whole_is_taken_as_it_is(image: str) -> None:
    found = spec(images={"controlplane": image})
    assert found.controlplane.image == image
    assert found.dataplane.image == "ghcr.io/clusterlink-net/cl-dataplane:v0.4.1"


@pytest.mark.parametrize(
    "image", ["example.com/cp", "example.com:5000/cp", "https://example.com/cp:v1", "cp@sha256:12", "cp:", "a b:1"]
)
def test_an_image_without_a_tag_or_a_digest_is_refused(image: str) -> None:
    assert "with a tag or a digest" in problems(images={"dataplane": image})["images.dataplane"]


def test_a_digest_as_tag_is_refused_with_the_way_to_pin_by_digest() -> None:
    assert "option images" in problems(image_tag=DIGEST)["image_tag"]


@pytest.mark.parametrize("registry", ["https://example.com", "example.com/", "Example.com/UPPER", "exa mple"])
def test_what_is_no_registry_is_refused(registry: str) -> None:
    assert "image_registry" in problems(image_registry=registry)


def test_every_problem_is_reported_at_once() -> None:
    assert set(
        problems(
            peer="East_1",
            namespace="a.b",
            fabric="-",
            version="v9",
            labels={"region": 1, "a b": "x", "zone": "ü"},
            log_level="loud",
            ingress_type="Ingress",
            ingress_port="http",
            controlplane_replicas=0,
            controlplane_drain_seconds=4,
            dataplane_drain_seconds="long",
            dataplane_resources={"limits": {"cpu": "much"}, "request": {}},
            image_pull_secrets=["Not_A_Name"],
            images={"dataplan": "x:1"},
            ingress_annotations={"x": 1},
            gateway_host="https://east.example.com",
        )
    ) == {
        "peer",
        "namespace",
        "fabric",
        "version",
        "labels.region",
        "labels.a b",
        "labels.zone",
        "log_level",
        "ingress_type",
        "ingress_port",
        "controlplane_replicas",
        "controlplane_drain_seconds",
        "dataplane_drain_seconds",
        "dataplane_resources.limits.cpu",
        "dataplane_resources.request",
        "image_pull_secrets[0]",
        "images.dataplan",
        "ingress_annotations.x",
        "gateway_host",
    }


def test_a_missing_name_is_a_problem() -> None:
    with pytest.raises(ClusterlinkError, match="peer: is required"):
        gateway_spec({})


@pytest.mark.parametrize("port", [30000, 30443, 32767])
def test_a_node_port_in_range_is_every_nodes_port(port: int) -> None:
    assert spec(ingress_port=port).ingress == Ingress("NodePort", 443, port, {})


@pytest.mark.parametrize("port", [443, 29999, 32768, 65535])
def test_a_node_port_out_of_range_is_refused(port: int) -> None:
    assert "30000 to 32767" in problems(ingress_port=port)["ingress_port"]


@pytest.mark.parametrize("port", [0, 65536, -1, True])
def test_what_is_no_port_is_refused_for_a_load_balancer(port: int) -> None:
    assert "1 to 65535" in problems(ingress_type="LoadBalancer", ingress_port=port)["ingress_port"]


def test_a_load_balancers_port_is_the_services() -> None:
    assert spec(ingress_type="LoadBalancer", ingress_port=8443).ingress == Ingress("LoadBalancer", 8443, None, {})


def test_without_ingress_the_port_means_nothing() -> None:
    assert spec(ingress_type="none", ingress_port=8443).ingress == Ingress("none", 443, None, {})


@pytest.mark.parametrize("host", ["east.example.com", "192.0.2.1", "2001:db8::1", "EAST"])
def test_a_public_host_is_a_name_or_an_address(host: str) -> None:
    assert spec(gateway_host=host, gateway_port=8443).public_host == host


@pytest.mark.parametrize("host", ["192.0.2.256", "192.0.2", "east:443", "a..b", "-a", "x" * 64, "a/b"])
def test_what_is_neither_is_refused(host: str) -> None:
    assert "gateway_host" in problems(gateway_host=host)


def test_a_public_port_needs_a_host() -> None:
    assert "gateway_host" in problems(gateway_port=8443)


def test_a_public_host_needs_a_port_where_there_is_no_ingress_to_take_one_from() -> None:
    assert "gateway_port" in problems(ingress_type="none", gateway_host="east.example.com")
    assert spec(gateway_host="east.example.com").public_port is None


def test_amounts_may_be_numbers() -> None:
    found = spec(controlplane_resources={"requests": {"cpu": 1, "memory": "64Mi"}, "limits": {"cpu": 1.5}})
    assert found.controlplane.resources == {"requests": {"cpu": "1", "memory": "64Mi"}, "limits": {"cpu": "1.5"}}


def test_empty_resources_are_none() -> None:
    assert spec(dataplane_resources={"limits": {}}).dataplane.resources == {}


def test_a_request_above_its_limit_is_refused() -> None:
    resources = {"requests": {"memory": "1Gi"}, "limits": {"memory": "1000M"}}
    assert "more than its limit" in problems(dataplane_resources=resources)["dataplane_resources.requests.memory"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", "0"),
        ("500m", "0.5"),
        (".5", "0.5"),
        ("2", "2"),
        ("1Ki", "1024"),
        ("1.5Gi", "1610612736"),
        ("1G", "1000000000"),
        ("1e3", "1000"),
        ("5E-3", "0.005"),
        ("1E", "1000000000000000000"),
    ],
)
def test_a_quantity_is_read_as_kubernetes_reads_it(text: str, expected: str) -> None:
    assert amount(text) == Decimal(expected)


@pytest.mark.parametrize("text", ["", "much", "1 Gi", "1gi", "-1", "1.2.3", "1KiB", "10E", "9999999999e90", "²"])
def test_what_is_no_quantity_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a quantity"):
        amount(text)


NOW = datetime(2030, 6, 15, 12, 0, 0, tzinfo=timezone.utc)
NAMES = ("certificate", "privatekey", "ca")


@pytest.fixture(scope="module")
def pems() -> dict[str, str]:
    """A peer's certificate without its CA, its key, and the CA."""
    authority = make_ca(CaRequest("demo"), NOW)
    key = generate(KeySpec())
    leaf = Leaf(leaf_subject("east"), key.public_key(), "east", Usage())
    certificate = issue_leaf(leaf, Issuer(authority.certificate, authority.key), Term(NOW, 30), 7)
    return {
        "certificate": chain_pem(certificate).decode(),
        "privatekey": key_pem(key).decode(),
        "ca": authority.certificate_pem.decode(),
    }


def params(paths: dict[str, Any] | None = None, contents: dict[str, Any] | None = None) -> dict[str, Any]:
    given = {f"{name}_path": str(path) for name, path in (paths or {}).items()}
    given.update({f"{name}_content": content for name, content in (contents or {}).items()})
    return {f"{name}_{kind}": given.get(f"{name}_{kind}") for name in NAMES for kind in ("path", "content")}


@pytest.fixture
def files(pems: dict[str, str], tmp_path: Path) -> dict[str, Path]:
    paths = {name: tmp_path / f"{name}.pem" for name in NAMES}
    for name, path in paths.items():
        path.write_text(pems[name], encoding="utf-8")
    return paths


def test_files_and_content_give_the_same(pems: dict[str, str], files: dict[str, Path]) -> None:
    material = given_certificate(params(contents=pems), "east", NOW)
    assert material == given_certificate(params(paths=files), "east", NOW)
    assert material.certificate_pem == pems["certificate"] + pems["ca"]
    assert material.ca_pem == pems["ca"]
    assert pems["privatekey"] not in repr(material)


def test_a_certificate_for_another_peer_is_refused(files: dict[str, Path]) -> None:
    with pytest.raises(ClusterlinkError, match="its DNS names are east instead of west"):
        given_certificate(params(paths=files), "west", NOW)


@pytest.mark.parametrize("name", NAMES)
def test_a_file_that_is_missing_is_named(files: dict[str, Path], name: str) -> None:
    files[name].unlink()
    with pytest.raises(ClusterlinkError, match=f"{name}.pem: is missing"):
        given_certificate(params(paths=files), "east", NOW)


@pytest.mark.parametrize("name", NAMES)
def test_in_check_mode_a_file_that_is_missing_counts_as_made_earlier(files: dict[str, Path], name: str) -> None:
    files[name].unlink()
    given = given_certificate(params(paths=files), "east", NOW, missing_is_fine=True)
    assert given == given_certificate(params(paths=files), "east", NOW, missing_is_fine=True)


def test_in_check_mode_what_is_there_is_checked_all_the_same(files: dict[str, Path]) -> None:
    with pytest.raises(ClusterlinkError, match="instead of west"):
        given_certificate(params(paths=files), "west", NOW, missing_is_fine=True)


def test_empty_content_is_an_error_even_in_check_mode(pems: dict[str, str]) -> None:
    with pytest.raises(ClusterlinkError, match="certificate_content"):
        given_certificate(params(contents={**pems, "certificate": ""}), "east", NOW, missing_is_fine=True)
