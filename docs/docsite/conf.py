# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The site's configuration for Sphinx: the pages of docs/ as they are, and the reference that antsibull-docs writes."""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes

REPOSITORY = "https://github.com/skyshift/clusterlink/blob/main/"

project = "skyshift.clusterlink"
copyright = "The skyshift.clusterlink contributors"  # noqa: A001 - Sphinx's name
extensions = ["myst_parser", "sphinx_antsibull_ext"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
myst_heading_anchors = 3
html_theme = "sphinx_ansible_theme"
html_title = "skyshift.clusterlink"
html_show_sphinx = False
html_theme_options = {
    "documentation_home_url": "index.html",
    "vcs_pageview_mode": "edit",
    "topbar_links": {"Repository": "https://github.com/skyshift/clusterlink"},
}

ANSIBLE = "https://docs.ansible.com/ansible/latest/"
OF_ANSIBLE = {
    "action_plugins": "plugins/action.html",
    "ansible_configuration_settings": "reference_appendices/config.html",
    "common_return_values": "reference_appendices/common_return_values.html",
}
"""Where the reference's links to Ansible's own documentation lead; its index is not fetched, so no build needs it."""

_OF_ITS_MODULES = re.compile(r"ansible_collections\.ansible\.builtin\.(\w+_module)")
_OUT_OF_DOCS = re.compile(r"\]\((?:\.\./)+([^)]*)\)")


def _link_to_the_repository(_app: object, _page: str, source: list[str]) -> None:
    """Let links that leave docs/ lead to the repository, as they do where a forge shows the page."""
    source[0] = _OUT_OF_DOCS.sub(rf"]({REPOSITORY}\1)", source[0])


def _link_to_ansible(_app: object, _environment: object, node: Any, content: Any) -> Any:
    target = node["reftarget"]
    module = _OF_ITS_MODULES.fullmatch(target)
    page = f"collections/ansible/builtin/{module[1]}.html" if module else OF_ANSIBLE.get(target)
    return nodes.reference("", "", content, internal=False, refuri=f"{ANSIBLE}{page}") if page else None


def setup(app: Any) -> None:
    """What Sphinx calls."""
    app.connect("source-read", _link_to_the_repository)
    app.connect("missing-reference", _link_to_ansible)
