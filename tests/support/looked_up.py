# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The variables from which lookup module_options gives a module its options."""

from __future__ import annotations

import re

_LOOKUP = re.compile(
    r"^\{\{ lookup\('skyshift\.clusterlink\.module_options',\s*((?:'clusterlink_\w+'(?:,\s+)?)+)\) \}\}$"
)


def looked_up(template: object) -> dict[str, str]:
    """The variable of each option, of a template that is nothing but the lookup; of any other value, nothing."""
    match = _LOOKUP.match(str(template))
    variables = re.findall(r"\w+", match[1]) if match else []
    return {variable.removeprefix("clusterlink_"): variable for variable in variables}
