# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of the modules that give a gateway its certificate; C(MATERIAL_SPEC) has their types."""

from __future__ import annotations


class ModuleDocFragment:
    """A peer's certificate, its key, and the CAs that its gateway trusts."""

    DOCUMENTATION = r"""
options:
  certificate_path:
    description:
      - The file with the peer's certificate as PEM. The CA's certificate may follow.
      - The certificate must be valid now, have O(peer) as its only name, belong to the key, and be signed by one of the
        given CAs.
    type: path
  certificate_content:
    description: The certificate itself, instead of a file.
    type: str
  privatekey_path:
    description: The file with the certificate's private key as PEM without a passphrase.
    type: path
  privatekey_content:
    description: The private key itself, instead of a file.
    type: str
  ca_path:
    description:
      - The file with the certificates of the CAs that the gateway trusts as PEM. It is the fabric's CA, or the old and
        the new one during a CA rotation.
    type: path
  ca_content:
    description: The CA certificates themselves, instead of a file.
    type: str
notes:
  - In check mode, missing certificate files count as created by an earlier task.
"""
