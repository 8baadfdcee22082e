# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The common options of the modules for CAs and peers' certificates."""

from __future__ import annotations


class ModuleDocFragment:
    """The storage of certificates, and their kind."""

    DOCUMENTATION = r"""
options:
  path:
    description:
      - The folder of all fabrics, on the host that runs the task.
      - "Its layout is that of the C(clusterlink) CLI: C(FABRIC/cert.pem), C(FABRIC/key.pem), C(FABRIC/PEER/cert.pem)
        and C(FABRIC/PEER/key.pem) below it."
      - To store certificates elsewhere, set O(return_content) instead.
    type: path
  state:
    description:
      - V(present) creates what is missing or cannot be used, and returns the reasons.
      - V(absent) removes the certificate and the key from their folder, and then the folder if it is empty. Needs
        O(path).
    type: str
    choices: [present, absent]
    default: present
  key_type:
    description:
      - The kind of key. V(ecdsa) is on the curve P-256; the C(clusterlink) CLI can use V(rsa) only.
      - An existing key is compared with it only when it is set.
    type: str
    choices: [ecdsa, rsa]
  key_size:
    description:
      - "The size of the key in bits: V(256) for V(ecdsa); V(2048), V(3072) (the default) or V(4096) for V(rsa)."
      - Needs O(key_type).
    type: int
  subject:
    description:
      - The attributes of the certificate's subject, without the common name.
      - An existing subject is compared with it only when it is set.
    type: dict
    suboptions:
      country:
        description: The two-letter code of a country, in capitals.
        type: str
      province:
        description: A state or province.
        type: str
      locality:
        description: A town.
        type: str
      organization:
        description: An organization.
        type: str
      organizational_unit:
        description: A part of the organization.
        type: str
  backup:
    description:
      - Whether to keep a copy of each replaced or removed file beside it, readable by its owner only.
      - A backup of a key is a key, so remove it when it is no longer needed.
    type: bool
    default: false
  certificate_content:
    description:
      - The present certificate as PEM, if it is stored elsewhere.
      - Mutually exclusive with O(path).
    type: str
  privatekey_content:
    description:
      - The present private key as PEM, if it is stored elsewhere.
      - Mutually exclusive with O(path).
    type: str
  return_content:
    description:
      - Whether to return the certificate, and a new private key, instead of writing files.
      - Set C(no_log) on the task, so that the new private key is not in its output.
      - Mutually exclusive with O(path).
    type: bool
    default: false
"""
