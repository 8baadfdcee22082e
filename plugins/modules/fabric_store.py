#!/usr/bin/python
# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module fabric_store."""

from __future__ import annotations

DOCUMENTATION = r"""
module: fabric_store
short_description: Store the folder of a ClusterLink fabric in a Secret of a management cluster
version_added: "0.1.0"
description:
  - Stores a fabric's folder, with the CA's key, for controllers whose disk does not persist, such as job containers.
    Load the folder before a run, and save it before any cluster receives a new certificate.
  - The Secret holds all files in C(FABRIC) and its subfolders, without those with a leading dot. They are the CA, every
    peer's key and certificate, a rotation's state, and the record of enrolments. An encrypted key stays encrypted.
  - C(FABRIC/.store.json) records the state when the folder and the Secret were last equal. When the Secret has changed
    since, for example by another run, nothing is saved. When both have changed, nothing is loaded either.
  - Who can read the Secret can sign for the fabric. Give it a namespace of its own that nobody else can read, in a
    cluster that encrypts Secrets at rest.
author:
  - The skyshift.clusterlink contributors (@skyshift)
requirements:
  - cryptography >= 42.0.0
extends_documentation_fragment:
  - skyshift.clusterlink.attributes
  - skyshift.clusterlink.connection
  - skyshift.clusterlink.fabric_folder
options:
  state:
    description:
      - With V(loaded), the Secret's files are written to the folder. Other files are removed only when the folder was
        loaded from the Secret or saved to it before. A folder with unsaved changes stays as it is. Without a Secret,
        the module only checks that it can be created.
      - With V(saved), the folder's files are written to the Secret.
      - With V(absent), the Secret is deleted, and the folder stays.
    type: str
    choices: [loaded, saved, absent]
    required: true
  pending:
    description:
      - In check mode with O(state=saved), whether earlier tasks would change files of the folder. Then saving them is a
        change, although no file is written yet. Without check mode, the files are compared.
      - The collection's playbooks also count a repair of file modes, which alone saves nothing, since a Secret has no
        modes.
    type: bool
    default: false
  namespace:
    description:
      - The Secret's namespace. It must exist, so that a wrong cluster is an error before a new CA is created.
      - Do not use a gateway's namespace, which is deleted with the gateway.
    type: str
    required: true
  secret:
    description:
      - The Secret's name. The default is C(clusterlink-fabric-FABRIC), in lower case and with C(-) for every character
        that is not valid in a Secret's name.
    type: str
notes:
  - The user needs the verbs get, create, update and, for O(state=absent), delete on Secrets in the namespace.
  - The connection is to the management cluster, so this module is not in the group C(skyshift.clusterlink.cluster).
    For the same reason O(host) beside O(context) or O(kubeconfig) is an error, also when one of them comes from the
    environment. It could write the CA's key to a cluster of the fabric.
  - A Secret holds 1 MiB. That is enough for about 800 peers with ECDSA keys and 150 with RSA keys of 4096 bits.
  - In check mode, an empty folder is no error, since an earlier task would have loaded it.
seealso:
  - module: skyshift.clusterlink.fabric_ca
  - module: skyshift.clusterlink.peer_certificate
"""

EXAMPLES = r"""
- name: Load the fabric's folder
  skyshift.clusterlink.fabric_store:
    state: loaded
    context: management
    namespace: clusterlink-store
    path: /runner/pki
    fabric: demo

- name: Create the CA, unless it was loaded
  skyshift.clusterlink.fabric_ca:
    path: /runner/pki
    fabric: demo
  register: authority

- name: Save new files
  skyshift.clusterlink.fabric_store:
    state: saved
    context: management
    namespace: clusterlink-store
    path: /runner/pki
    fabric: demo
    pending: "{{ authority is changed }}"
"""

RETURN = r"""
secret:
  description: The Secret.
  returned: success
  type: dict
  sample: {kind: Secret, namespace: clusterlink-store, name: clusterlink-fabric-demo}
written:
  description: The files that were created or changed, in the folder or in the Secret.
  returned: success
  type: list
  elements: str
  sample: [cert.pem, key.pem, east/cert.pem, east/key.pem]
removed:
  description: The files that were removed there.
  returned: success
  type: list
  elements: str
  sample: [ca.old/cert.pem, ca.old/key.pem]
ca_fingerprint:
  description: The SHA-256 fingerprint of the present CA's certificate. Null when there is none.
  returned: success
  type: str
  sample: 'b1:5e:2d'
"""

from typing import Any

from ..module_utils.common.kinds import Ref
from ..module_utils.kube.connection import CONNECTION_SPEC, REQUIRES, connect
from ..module_utils.module import run_module
from ..module_utils.outcome import Mode, Outcome, Task
from ..module_utils.pki.options import FOLDER_SPEC
from ..module_utils.pki.subject import require_fabric
from ..module_utils.pki_files.disk import fabric_folder
from ..module_utils.store.secret import FabricSecret, default_name, require_one_cluster
from ..module_utils.store.snapshot import authority, difference
from ..module_utils.store.sync import FabricStore


def run(params: dict[str, Any], mode: Mode) -> Outcome:
    """Load or save the files, or delete the Secret."""
    require_one_cluster(params)
    fabric = require_fabric(params["fabric"], "fabric")
    folder = fabric_folder(params["path"], fabric)
    ref = Ref("Secret", params["secret"] or default_name(fabric), params["namespace"])
    with connect(params) as cluster:
        store = FabricStore(folder, FabricSecret(cluster, ref, fabric), mode.check)
        if params["state"] == "saved":
            done = store.save(pending=params["pending"])
        else:
            done = store.load() if params["state"] == "loaded" else store.remove()
    values = {
        "secret": ref.as_dict(),
        "written": sorted(path for path, content in done.after.items() if done.before.get(path) != content),
        "removed": sorted(done.before.keys() - done.after.keys()),
        "ca_fingerprint": authority(done.after, str(ref)),
    }
    return Outcome(
        changed=done.changed,
        values=values,
        diff=difference(done.before, done.after),
        warnings=done.warnings,
    )


TASK = Task(
    argument_spec={
        **CONNECTION_SPEC,
        "state": {"type": "str", "choices": ["loaded", "saved", "absent"], "required": True},
        **FOLDER_SPEC,
        "pending": {"type": "bool", "default": False},
        "namespace": {"type": "str", "required": True},
        # The name is not secret.
        "secret": {"type": "str", "no_log": False},
    },
    run=run,
    requires=(*REQUIRES, "cryptography"),
    of_host=False,  # a management cluster keeps the Secret
)


def main() -> None:
    """Run as a module."""
    run_module(TASK)


if __name__ == "__main__":
    main()
