# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.store.secret import default_name, require_one_cluster


@pytest.mark.parametrize("option", ["context", "kubeconfig"])
def test_a_connection_that_names_two_clusters_is_refused(option: str) -> None:
    for fine in ({"host": "https://a"}, {option: "b"}, {"host": "https://a", option: ""}):
        require_one_cluster(fine)
    with pytest.raises(ClusterlinkError, match=f"beside {option}, so it is not clear which cluster"):
        require_one_cluster({"host": "https://a", option: "b"})


def test_names_of_fabrics_become_names_of_secrets() -> None:
    assert default_name("demo") == "clusterlink-fabric-demo"
    assert default_name("Default_fabric.1") == "clusterlink-fabric-default-fabric-1"
