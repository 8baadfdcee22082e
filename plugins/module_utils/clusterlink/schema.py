# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What definitions of ClusterLink's kinds are written with: schemas in few words, and the definition around them."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from . import api

Schema = dict[str, Any]

GROUP, VERSION = api.API_VERSION.split("/")
CRD_KIND = "CustomResourceDefinition"


def text(description: str, **more: Any) -> Schema:
    """A string."""
    return {"type": "string", "description": description, **more}


def number(description: str, minimum: int, maximum: int) -> Schema:
    """A whole number in a range."""
    return {"type": "integer", "description": description, "minimum": minimum, "maximum": maximum}


def port(description: str) -> Schema:
    """A TCP port."""
    return number(description, 1, 65535)


def list_of(description: str, items: Schema, **more: Any) -> Schema:
    """A list of things of one kind."""
    return {"type": "array", "description": description, "items": items, **more}


def record(description: str, properties: dict[str, Schema], *, required: tuple[str, ...] = ()) -> Schema:
    """Named fields."""
    schema: Schema = {"type": "object", "description": description, "properties": properties}
    if required:
        schema["required"] = list(required)
    return schema


def texts_by_key(description: str) -> Schema:
    """Strings under any keys."""
    return {"type": "object", "description": description, "additionalProperties": {"type": "string"}}


# metav1.Condition, as Kubernetes' API conventions define it.
CONDITION = record(
    "One thing that a control plane found out about the object.",
    {
        "type": text(
            "What it is about.",
            maxLength=316,
            pattern=(
                r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?"
                r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$"
            ),
        ),
        "status": text("Whether it holds.", enum=["True", "False", "Unknown"]),
        "reason": text(
            "Why, in one word.", minLength=1, maxLength=1024, pattern=r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$"
        ),
        "message": text("Why, in a sentence.", maxLength=32768),
        "lastTransitionTime": text("Since when the status is what it is.", format="date-time"),
        "observedGeneration": {
            "type": "integer",
            "format": "int64",
            "minimum": 0,
            "description": "The generation of the object that was looked at.",
        },
    },
    required=("lastTransitionTime", "message", "reason", "status", "type"),
)
CONDITIONS = list_of("What the control plane found out about the object.", CONDITION)

_AGE_COLUMN = {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}


def definition(
    kind: str,
    description: str,
    spec: Schema,
    *,
    singular: str,
    plural: str,
    columns: tuple[dict[str, str], ...],
    status: Schema | None = None,
    namespaced: bool = True,
    spec_required: bool = True,
    rule: dict[str, str] | None = None,
) -> dict[str, Any]:
    """The CustomResourceDefinition of one of ClusterLink's kinds, with the collection's label.

    Args:
        kind: Its name.
        description: What an object of it stands for.
        spec: The schema of what is asked for.
        singular: Its name in commands.
        plural: Its name in paths.
        columns: What kubectl shows of an object besides its name and age.
        status: The schema of what is reported; None for a kind without.
        namespaced: Whether its objects are in namespaces.
        spec_required: Whether an object has to have a spec.
        rule: A validation in CEL.
    """
    properties: dict[str, Schema] = {
        "apiVersion": text("The version of the API."),
        "kind": text("The kind of object."),
        "metadata": {"type": "object"},
        "spec": deepcopy(spec),
    }
    if status:
        properties["status"] = deepcopy(status)
    schema = record(description, properties, required=("spec",) if spec_required else ())
    if rule:
        schema["x-kubernetes-validations"] = [rule]
    version: dict[str, Any] = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": schema},
        "additionalPrinterColumns": [*columns, _AGE_COLUMN],
    }
    if status:
        version["subresources"] = {"status": {}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": CRD_KIND,
        "metadata": {"name": f"{plural}.{GROUP}", "labels": {api.MANAGED_BY_LABEL: api.MANAGED_BY}},
        "spec": {
            "group": GROUP,
            "names": {"kind": kind, "listKind": f"{kind}List", "plural": plural, "singular": singular},
            "scope": "Namespaced" if namespaced else "Cluster",
            "versions": [version],
        },
    }
