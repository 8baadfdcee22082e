# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands before a release: the artifact, as Galaxy checks it and as users install it."""
