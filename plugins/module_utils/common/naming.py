# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of Kubernetes and ClusterLink for names and labels, and the faults of invalid ones."""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Iterable

FIELD_MANAGER = "skyshift.clusterlink"
"""This collection's field manager in server-side apply."""

MAX_NAME = 63
"""The longest DNS label, which limits the names of peers and Services, and label values."""

_DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_DNS_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_QUALIFIED = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")
_MAX_PREFIX = 253
_HASH_LENGTH = 10


def dns_label_fault(value: str) -> str:
    """Why the value is not a DNS label (RFC 1123), or an empty string."""
    if len(value) > MAX_NAME:
        return f"is {len(value)} characters long, and a DNS label has at most {MAX_NAME}"
    if not _DNS_LABEL.fullmatch(value):
        return "is not a DNS label (lower-case letters, digits and '-', with a letter or digit at both ends)"
    return ""


def dns_subdomain_fault(value: str) -> str:
    """Why the value is not a DNS name as most objects have it (RFC 1123), or an empty string."""
    if len(value) > _MAX_PREFIX:
        return f"is {len(value)} characters long, and a DNS name has at most {_MAX_PREFIX}"
    if not _DNS_SUBDOMAIN.fullmatch(value):
        return "is not a DNS name (DNS labels, separated by dots)"
    return ""


def service_name_fault(value: str) -> str:
    """Why the value is not a Service name (RFC 1035: it starts with a letter), or an empty string."""
    fault = dns_label_fault(value)
    if not fault and not value[0].isalpha():
        return "starts with a digit, and a Service name must start with a letter"
    return fault


def label_key_fault(key: str) -> str:
    """Why the key is not a Kubernetes label key, or an empty string."""
    prefix, slash, name = key.rpartition("/")
    if slash and (len(prefix) > _MAX_PREFIX or not _DNS_SUBDOMAIN.fullmatch(prefix)):
        return "has a prefix that is not a DNS name"
    if len(name) > MAX_NAME:
        return f"has a name of {len(name)} characters, and a label key has at most {MAX_NAME}"
    if not _QUALIFIED.fullmatch(name):
        return "is not a label key (letters, digits, '-', '_' and '.', with a letter or digit at both ends)"
    return ""


def label_value_fault(value: str) -> str:
    """Why the value is not a Kubernetes label value, or an empty string."""
    if len(value) > MAX_NAME:
        return f"is {len(value)} characters long, and a label value has at most {MAX_NAME}"
    if value and not _QUALIFIED.fullmatch(value):
        return "is not a label value (letters, digits, '-', '_' and '.', with a letter or digit at both ends)"
    return ""


def did_you_mean(name: str, known: Iterable[str], alike: float = 0.6) -> str:
    """A sentence without a full stop that suggests the closest known name, or an empty string.

    One with the same letters, two of which may be swapped, is the closest.

    Args:
        name: The unknown name.
        known: The known names.
        alike: How alike the two must be, from 0 to 1, as C(difflib) counts it.
    """
    names = sorted(known)
    swapped = [each for each in names if sorted(each) == sorted(name)]
    close = swapped or difflib.get_close_matches(name, names, n=1, cutoff=alike)
    return f"Perhaps {close[0]} is meant" if close else ""


def policy_name(service: str, namespace: str) -> str:
    """The name of the policy for a service's C(allow), with at most 63 characters.

    The dot distinguishes it from declared policies, whose names have none, and from those of other services.
    """
    return _shortened(f"allow-{service}.{namespace}", ".")


def backing_name(service: str) -> str:
    """The name of the Service with this Service's local pods only, with at most 63 characters."""
    return _shortened(f"clusterlink-{service}", "-")


def relay_name(service: str, namespace: str) -> str:
    """The name of the Service of a relay's export, with at most 63 characters."""
    return _shortened(f"relay-{service}-{namespace}", "-")


CLUSTER_DOMAIN = "cluster.local"
"""The domain of a cluster's Services in its DNS; ClusterLink v0.4.1 knows no other."""


def cluster_host(namespace: str, service: str, domain: str = CLUSTER_DOMAIN) -> str:
    """A Service's name in its cluster's DNS."""
    return f"{service}.{namespace}.svc.{domain}"


def _shortened(name: str, joint: str) -> str:
    if len(name) <= MAX_NAME:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:_HASH_LENGTH]
    return f"{name[: MAX_NAME - _HASH_LENGTH - 1].rstrip('-.')}{joint}{digest}"
