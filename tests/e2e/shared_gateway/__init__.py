# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One gateway for all tests of this folder; a package, so that pytest removes it with the last of them."""
