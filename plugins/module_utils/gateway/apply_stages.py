# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write a gateway's objects: a dry run of all, then the definitions, then the rest in one or more steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ..clusterlink.ownership import not_ours
from ..common.kinds import Ref
from ..errors import ClusterlinkError
from ..kube.apply import ApplyResult, PartlyDoneError, Prune, apply_objects
from ..kube.client import Cluster, Object
from ..kube.compare import creation
from ..kube.wait import wait_ready

_ESTABLISHED_SECONDS = 30.0
"""How long a cluster may take to serve new kinds. It takes well under a second (measured)."""


@dataclass(frozen=True)
class StagedWrite:
    """How a gateway's objects are written.

    Attributes:
        cluster: Where.
        definitions: The CustomResourceDefinitions to write before anything else.
        prune: The objects of a gateway to delete because they are no longer desired.
        take_over: Whether to take over objects of others, and fields of other managers.
    """

    cluster: Cluster
    definitions: Sequence[Object]
    prune: Prune
    take_over: bool

    def apply(self, wanted: Sequence[Object], *, check: bool) -> ApplyResult:
        """Make the cluster hold the objects.

        Raises:
            ClusterlinkError: With all problems; nothing was written then.
            PartlyDoneError: Something failed while writing.
        """
        if check or not self.definitions:
            return self._apply([*self.definitions, *wanted], self.prune, check=check)
        # The cluster must serve the definitions before a control plane starts. The dry run of all comes before them.
        self._apply([*self.definitions, *wanted], self.prune, check=True)
        first = self._apply(self.definitions, None, check=False)
        wait_ready(self.cluster, first.objects, _ESTABLISHED_SECONDS, known=first.objects)
        try:
            first.add(self._apply(wanted, self.prune, check=False))
        except PartlyDoneError as error:
            first.add(error.done)
            raise PartlyDoneError(error.problems, first) from error
        return first

    def apply_stages(self, steps: Sequence[Sequence[Object]], between: Callable[[ApplyResult], None]) -> ApplyResult:
        """Write one step after another.

        Args:
            steps: The desired objects of each step.
            between: Called between two steps, with the result until then.

        Returns:
            The changes of all steps together, with the objects as they are.

        Raises:
            ClusterlinkError: With all problems of the last step; nothing was written then.
            PartlyDoneError: Something failed on the way.
        """
        predicted = self.apply(steps[-1], check=True)
        done = self.apply(steps[0], check=False)
        later = replace(self, definitions=())
        for wanted in steps[1:]:
            try:
                between(done)
                done.add(later.apply(wanted, check=False))
            except ClusterlinkError as error:
                if isinstance(error, PartlyDoneError):
                    done.add(error.done)
                raise PartlyDoneError(error.problems, done) from error
        predicted.objects.update(done.objects)
        return predicted

    def _apply(self, objects: Sequence[Object], prune: Prune | None, *, check: bool) -> ApplyResult:
        return apply_objects(self.cluster, objects, check=check, force=self.take_over, prune=prune, guard=not_ours)


def mark_as_recreated(result: ApplyResult, objects: Sequence[Object]) -> None:
    """Report in check mode that objects will be created, since a takeover removes them first."""
    refs = {Ref.of(obj) for obj in objects}
    names_of = {str(ref) for ref in refs}
    result.updated = [ref for ref in result.updated if ref not in refs]
    result.unchanged = [ref for ref in result.unchanged if ref not in refs]
    result.created += [Ref.of(obj) for obj in objects]
    result.diff = [change for change in result.diff if change["after_header"] not in names_of]
    for obj in objects:
        name = str(Ref.of(obj))
        result.diff.append({"before": {}, "after": creation(obj).after, "before_header": name, "after_header": name})
