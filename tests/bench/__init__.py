# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Benchmarks: ratios of whole commands, measured in turn in one run."""
