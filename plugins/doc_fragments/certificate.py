# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options that making a CA and making a peer's certificate have in common."""

from __future__ import annotations


class ModuleDocFragment:
    """Where certificates are kept, and of what kind they are."""

    DOCUMENTATION = r"""
options:
  path:
    description:
      - The folder on the host that runs the task in which fabrics have their folders.
      - "Its layout is that of the C(clusterlink) CLI: C(FABRIC/cert.pem), C(FABRIC/key.pem), C(FABRIC/PEER/cert.pem)
        and C(FABRIC/PEER/key.pem) below it."
      - Leave it out, and set O(return_content), to keep everything elsewhere.
    type: path
  state:
    description:
      - V(present) makes what is missing or will not do, and says why.
      - V(absent) removes the certificate and the key from their folder, and the folder when nothing else is in it.
        Needs O(path).
    type: str
    choices: [present, absent]
    default: present
  key_type:
    description:
      - The kind of key. V(ecdsa) is on the curve P-256; the C(clusterlink) CLI can use V(rsa) only.
      - An existing key is compared with it only when it is given.
    type: str
    choices: [ecdsa, rsa]
  key_size:
    description:
      - "The size of the key in bits: V(256) for V(ecdsa); V(2048), V(3072) (the default) or V(4096) for V(rsa)."
      - Needs O(key_type).
    type: int
  subject:
    description:
      - What the certificate's subject holds besides the common name.
      - An existing subject is compared with it only when it is given.
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
      - Whether to keep a file that is replaced or removed, beside it and readable by its owner only.
      - Backups of keys are keys, so remove them when they are not needed any more.
    type: bool
    default: false
  certificate_content:
    description:
      - The present certificate, as PEM, for callers who store certificates elsewhere.
      - Mutually exclusive with O(path).
    type: str
  privatekey_content:
    description:
      - The present private key, as PEM, for callers who store keys elsewhere.
      - Mutually exclusive with O(path).
    type: str
  return_content:
    description:
      - Whether to return the certificate, and the private key when a new one was made, instead of writing files.
      - Set C(no_log) on the task, or the new private key is in its output.
      - Mutually exclusive with O(path).
    type: bool
    default: false
"""
