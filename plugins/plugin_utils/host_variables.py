# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host's variables, templated when they are read. A template that uses what is undefined is an error."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible.release import __version__
from ansible.template import Templar
from ansible.vars.hostvars import HostVars

_GIVES_TEXT = tuple(map(int, __version__.split(".")[:2])) < (2, 19)
"""Whether C(hostvars) of this ansible-core gives the text of such a template, where later ones fail."""


def variables_of(hostvars: Mapping[str, Any], host: str) -> Mapping[str, Any]:
    """The variables of a host; to read one raises C(AnsibleError) when it cannot be templated.

    Args:
        hostvars: The variables of every host.
        host: The host.
    """
    if _GIVES_TEXT and isinstance(hostvars, HostVars):
        return _Templated(hostvars, host)
    own: Mapping[str, Any] = hostvars[host]
    return own


class _Templated(Mapping[str, Any]):
    """The variables of a host as ansible-core 2.19 gives them."""

    def __init__(self, hostvars: Any, host: str) -> None:
        self._raw: Mapping[str, Any] = hostvars.raw_get(host)
        self._templar = Templar(loader=hostvars._loader, variables=self._raw)

    def __getitem__(self, name: str) -> Any:
        return self._templar.template(self._raw[name])

    def __contains__(self, name: object) -> bool:
        return name in self._raw

    def __iter__(self) -> Iterator[str]:
        return iter(self._raw)

    def __len__(self) -> int:
        return len(self._raw)
