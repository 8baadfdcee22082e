# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options for a CA of one's own."""

from __future__ import annotations


class ModuleDocFragment:
    """A CA of one's own."""

    DOCUMENTATION = r"""
options:
  ownca_path:
    description:
      - The file with the certificate of a CA of your own, as PEM, in place of one that is created. It is self-signed or
        an intermediate, and its key is ECDSA P-256 or RSA.
      - The certificates of the CAs above it may follow. They are checked, and gateways get none of them, because they
        trust exactly the CA that signs.
      - It is refused, before anything is written, when gateways would refuse what it signs. Otherwise the fabric's
        folder gets it with its key, unchanged.
      - Its name and kind of key need not agree with other options. A subject must not be given.
    type: path
  ownca_privatekey_path:
    description:
      - The file with its private key. It is needed only until the fabric's folder has the CA.
    type: path
  ownca_privatekey_passphrase:
    description:
      - The passphrase of O(ownca_privatekey_path). In the fabric's folder the key is encrypted only with
        O(privatekey_passphrase).
    type: str
"""
