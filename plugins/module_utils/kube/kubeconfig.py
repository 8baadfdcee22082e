# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kubeconfig files: read, merged and checked here, and turned into credentials by the C(kubernetes) package.

The package's own YAML reader is pure Python and takes 2 ms a context, for every cluster of a fleet in every task.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..common.content import is_content
from ..errors import ClusterlinkError, Problem
from .exec_plugin import DEFAULT_LIMIT, Credentials, ExecPlugin, Renewal

try:
    import yaml
    from kubernetes.client.configuration import Configuration
    from kubernetes.config.config_exception import ConfigException
    from kubernetes.config.kube_config import KubeConfigLoader, KubeConfigMerger
except ImportError:
    pass  # reported by libraries.library_problems: the kubernetes package brings them

DEFAULT_PATH = "~/.kube/config"
"""Where kubectl looks when KUBECONFIG names no file."""

_LISTS = ("clusters", "contexts", "users")
_BEFORE_EXEC = ("token", "tokenFile", "auth-provider")
"""What the package prefers to an exec plugin."""
_FILE_KEYS = ("certificate-authority", "client-certificate", "client-key", "tokenFile")


def load(
    configuration: Configuration,
    source: str | Mapping[str, Any] | None,
    context: str | None,
    scratch: str,
    *,
    persist: bool = False,
    exec_limit: float = DEFAULT_LIMIT,
) -> Impersonation:
    """Set server and credentials of a context in C(configuration), and return whom its user impersonates.

    Args:
        configuration: The configuration to change.
        source: A path, several of them separated as in C(PATH), or the content as a dictionary or as text; None for
            KUBECONFIG or ~/.kube/config.
        context: The context's name; None for the current one.
        scratch: A directory for certificates and keys that the kubeconfig holds inline.
        persist: Write a renewed token back to the file. An exec plugin's token is never written.
        exec_limit: Seconds for which an exec plugin may run.

    Raises:
        ClusterlinkError: There is no such file or context, it is malformed, or its exec plugin gives no credentials.
    """
    source = source or os.environ.get("KUBECONFIG") or DEFAULT_PATH
    where = _where(source)
    with _reported(where):
        content = _content(source, where)
        _check_context(content, context, where)
        chosen = _chosen(content, context)
        user = _entry(content, "user", chosen)
        impersonation = _impersonation(user)
        renewal = None
        if user.get("exec") and not any(user.get(way) for way in _BEFORE_EXEC):
            settings = _entry(content, "cluster", chosen)
            plugin = ExecPlugin(user["exec"], settings, f"{where}, user {chosen.get('user')}", exec_limit)
            credentials = plugin.run()
            renewal = Renewal(plugin, credentials) if credentials.token else None
            content = _with_credentials(content, str(chosen.get("user")), credentials)
        merger = KubeConfigMerger(source) if persist and not user.get("exec") and not is_content(source) else None
        loader = KubeConfigLoader(
            config_dict=merger.config if merger else _with_own_files(content, context, scratch),
            active_context=context or None,
            config_persister=merger.save_changes if merger else None,
            temp_file_path=scratch,
        )
        loader.load_and_set(configuration)
        if proxy := _entry(content, "cluster", chosen).get("proxy-url"):
            configuration.proxy = str(proxy)  # the package reads it only in its later releases
    if renewal is not None:
        configuration.refresh_api_key_hook = renewal
    return impersonation


def read(source: str, where: str = "") -> dict[str, Any]:
    """The content of a kubeconfig, with every list and every context's mapping there.

    Args:
        source: As for C(load), but no dictionary.
        where: What problems call it; by default as C(load) does.

    Raises:
        ClusterlinkError: There is no such file, or it is malformed; the content is not shown.
    """
    where = where or _where(source)
    with _reported(where):
        content = dict(_content(source, where))
        _check_mapping(content)
        for name, kind in (("clusters", "cluster"), ("contexts", "context"), ("users", "user")):
            content[name] = [
                {"name": str(each["name"]), kind: dict(each.get(kind) or {})} for each in content.get(name) or []
            ]
    return content


def _where(source: str | Mapping[str, Any]) -> str:
    return "kubeconfig (its content)" if is_content(source) else f"kubeconfig {source}"


def _content(source: str | Mapping[str, Any], where: str) -> Mapping[str, Any]:
    if isinstance(source, str):
        return _parsed(source, where) if is_content(source) else _read(source, where)
    return source


@contextmanager
def _reported(where: str) -> Iterator[None]:
    """Turn whatever a malformed kubeconfig leads to into a problem."""
    try:
        yield
    except (ConfigException, OSError, yaml.YAMLError, TypeError, AttributeError, KeyError, ValueError) as error:
        # For a malformed file the package raises all kinds of errors; a parser's excerpt could hold a key.
        found = str(error) if isinstance(error, (ConfigException, OSError)) else type(error).__name__
        problem = Problem(where=where, what="it cannot be used", found=found, fix="Check it with kubectl")
        raise ClusterlinkError(problem) from None


@dataclass(frozen=True)
class Impersonation:
    """Whom a kubeconfig's user impersonates, as kubectl does.

    Attributes:
        user: The user; empty for none.
        groups: The groups.
    """

    user: str = ""
    groups: tuple[str, ...] = ()


def _impersonation(user: Mapping[str, Any]) -> Impersonation:
    groups = user.get("as-groups") or []
    if not isinstance(groups, list):
        raise ConfigException("as-groups of the context's user is not a list")
    return Impersonation(str(user.get("as") or ""), tuple(map(str, groups)))


def _parsed(text: str, where: str) -> dict[str, Any]:
    content = yaml.safe_load(text)
    if not isinstance(content, dict):
        raise ConfigException(f"{where} is not a mapping")
    return content


def _read(source: str, where: str) -> dict[str, Any]:
    """The merged content of one or more files: as for kubectl, the first entry wins and files may be missing."""
    files = [Path(os.path.expandvars(part)).expanduser() for part in source.split(os.pathsep) if part]
    merged: dict[str, Any] = {name: [] for name in _LISTS}
    there = [file for file in files if file.is_file()]
    if not there:
        fix = "Set kubeconfig (clusterlink_kubeconfig in the inventory), K8S_AUTH_KUBECONFIG or KUBECONFIG to its path"
        raise ClusterlinkError(Problem(where=where, what="there is no such file", fix=fix))
    reader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    for file in there:
        with file.open("rb") as stream:
            content = yaml.load(stream, Loader=reader)  # noqa: S506  # both are safe loaders
        if not isinstance(content, dict):
            raise ConfigException(f"{file} is not a mapping")
        merged.setdefault("current-context", content.get("current-context") or None)
        if not merged["current-context"]:
            del merged["current-context"]
        for name in _LISTS:
            known = {entry["name"] for entry in merged[name]}
            merged[name] += [
                _with_absolute_paths(entry, file) for entry in content.get(name) or [] if entry["name"] not in known
            ]
    return merged


def _with_absolute_paths(entry: dict[str, Any], file: Path) -> dict[str, Any]:
    """A cluster's or user's entry whose files, which are relative to the kubeconfig, can be opened from anywhere."""
    settings = entry.get("cluster") or entry.get("user") or {}
    for key in _FILE_KEYS:
        if settings.get(key):
            settings[key] = str(file.absolute().parent / settings[key])
    command = (settings.get("exec") or {}).get("command", "")
    if os.sep in command:
        settings["exec"]["command"] = str(file.absolute().parent / command)
    return entry


def _with_own_files(content: Mapping[str, Any], context: str | None, scratch: str) -> dict[str, Any]:
    """The kubeconfig with the context's inline certificates and keys in files of this connection.

    The package keeps one file for each content in a process, which another connection's thread may remove.
    """
    chosen = _chosen(content, context)
    changed = dict(content)
    for section, kind in (("clusters", "cluster"), ("users", "user")):
        changed[section] = [
            {**each, kind: _written(each.get(kind) or {}, os.path.join(scratch, kind))}
            if each["name"] == chosen.get(kind)
            else each
            for each in content.get(section) or []
        ]
    return changed


def _written(settings: Mapping[str, Any], path: str) -> dict[str, Any]:
    """A cluster's or user's settings with files, below a path, in place of what is inline and well-formed."""
    changed = dict(settings)
    for key in _FILE_KEYS:
        with suppress(binascii.Error, TypeError, KeyError):
            data = base64.b64decode(settings[f"{key}-data"], validate=True)
            with open(os.open(f"{path}-{key}", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
                file.write(data)
            changed[key] = f"{path}-{key}"
            del changed[f"{key}-data"]
    return changed


def _check_mapping(content: object) -> None:
    if not isinstance(content, Mapping):
        raise ConfigException("it is not a mapping")


def _check_context(content: Mapping[str, Any], asked: str | None, where: str) -> None:
    _check_mapping(content)
    contexts = [entry["name"] for entry in content.get("contexts") or []]
    there = ", ".join(contexts) or "no context at all"
    fix = "Set context (clusterlink_context in the inventory) to one that it has"
    if asked and asked not in contexts:
        what = f"{where} has no such context as {asked}"
        raise ClusterlinkError(Problem(where="context", what=what, found=there, fix=fix))
    if not asked and content.get("current-context") not in contexts:
        what = f"none is given and {where} has no current one"
        raise ClusterlinkError(Problem(where="context", what=what, found=there, fix=fix))


def _chosen(content: Mapping[str, Any], context: str | None) -> Mapping[str, Any]:
    """The settings of the given context or the current one, which exists."""
    name = context or content.get("current-context")
    return next(each["context"] for each in content["contexts"] if each["name"] == name)


def _entry(content: Mapping[str, Any], kind: str, chosen: Mapping[str, Any]) -> Mapping[str, Any]:
    """The settings of a context's C(user) or C(cluster)."""
    entries = content.get(f"{kind}s") or []
    return next((entry.get(kind) or {} for entry in entries if entry["name"] == chosen.get(kind)), {})


def _with_credentials(content: Mapping[str, Any], name: str, credentials: Credentials) -> dict[str, Any]:
    """The kubeconfig with what a plugin printed in place of the plugin."""
    users = [
        {**each, "user": {**{key: value for key, value in each["user"].items() if key != "exec"}, **credentials.user()}}
        if each["name"] == name
        else each
        for each in content["users"]
    ]
    return {**content, "users": users}
