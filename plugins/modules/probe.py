#!/usr/bin/python
# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module probe."""

from __future__ import annotations

DOCUMENTATION = r"""
module: probe
short_description: Make requests through imports from real pods
version_added: "0.1.0"
description:
  - Makes requests to the Service of an Import from a pod of the cluster, as a workload would, and says what came back.
    This proves what no condition can, the whole way through both gateways and their access policies.
  - The requests are made by a small shell script in a container of an existing pod. It uses C(curl), C(wget), C(nc) or
    C(bash), whichever the image has first. All requests from one pod are made by one command.
  - Where no pod with a shell can be used, a temporary one can be made, see O(image).
  - Nothing is ever reported as changed.
author:
  - The skyshift.clusterlink contributors (@skyshift)
extends_documentation_fragment:
  - skyshift.clusterlink.attributes.info
  - skyshift.clusterlink.connection
options:
  name:
    description:
      - The name of the Import. Either this or O(probes) is required.
    type: str
  namespace:
    description:
      - The namespace of the Import.
    type: str
    default: default
  port:
    description:
      - The port of the Import. Required with O(name).
    type: int
  scheme:
    description:
      - How to ask. V(http) and V(https) make a GET request without following redirects; every response is an answer,
        whatever its status. The certificate of V(https) is not verified.
      - V(tcp) only connects. A connection that stays open for a second, or on which something comes, is an answer; one
        that is closed at once, as gateways close those that they deny, is not. The image needs C(bash) or C(curl).
    type: str
    choices: [http, https, tcp]
    default: http
  path:
    description:
      - The path to ask for, with its query if it has one. Characters that may not stand in a URL are encoded.
    type: str
    default: /
  client:
    description:
      - The pods that may make the requests. One that is running and ready is taken.
      - Without it, any pod in the Import's namespace will do.
    type: dict
    suboptions: &client
      namespace:
        description: The pods' namespace. The Import's when this is not set.
        type: str
      pod:
        description: The name of one pod.
        type: str
      labels:
        description: Labels that the pods have. With O(image), the labels of the temporary pod.
        type: dict
      match_expressions:
        description: Further requirements on the pods' labels. They do not count for a temporary pod.
        type: list
        elements: dict
        suboptions:
          key:
            description: A label's key.
            type: str
            required: true
          operator:
            description: How the label's value is compared.
            type: str
            choices: [In, NotIn, Exists, DoesNotExist]
            required: true
          values:
            description: Values, for V(In) and V(NotIn).
            type: list
            elements: str
      container:
        description: The container to make the requests in. The pod's default container when this is not set.
        type: str
      service_account:
        description: Pods that run as this service account are preferred. With O(image), the temporary pod runs as it.
        type: str
  image:
    description:
      - Make the requests from a temporary pod of this image, with the client's labels, instead of an existing one.
      - The image needs C(sh), C(sleep) and one of the tools above, and must not need to run as root.
      - The pod meets the restricted Pod Security Standard. It never becomes ready, so that no Service sends it traffic,
        and is removed in the end, also after a failure. Should the controller be lost, it ends by itself after 15
        minutes.
    type: str
  count:
    description:
      - How many requests to make, one after another, at most 1000.
      - The number of O(sources) when this is not set, or else one.
    type: int
  timeout:
    description:
      - Seconds for one request, at most 300.
    type: int
    default: 5
  wait_timeout:
    description:
      - Seconds for which all of a probe's requests are made again and again until everything is as expected. Just after
        an Import became valid its first connections may be refused for about a second. V(0) tries once.
    type: int
    default: 30
  expect:
    description:
      - V(answer) fails unless every request is answered, V(refused) unless none is.
      - A refusal proves something only for an import that others are answered through.
    type: str
    choices: [answer, refused]
    default: answer
  status:
    description:
      - The HTTP statuses that are right. Any is when this is not set.
    type: list
    elements: int
  contains:
    description:
      - A text that every answer has to contain, within its first 16 KiB.
    type: str
  sources:
    description:
      - The peers that the Import draws on, for the result's reader.
    type: list
    elements: str
  probes:
    description:
      - Several probes to make side by side, instead of O(name) and what describes it.
      - A probe for which no pod can be used is reported, with a warning, and is no failure. So is one without a client.
    type: list
    elements: dict
    suboptions:
      name:
        description: As O(name).
        type: str
        required: true
      namespace:
        description: As O(namespace).
        type: str
        default: default
      port:
        description: As O(port).
        type: int
        required: true
      scheme:
        description: As O(scheme).
        type: str
        choices: [http, https, tcp]
        default: http
      path:
        description: As O(path).
        type: str
        default: /
      client:
        description: As O(client), but without it nothing is asked.
        type: dict
        suboptions: *client
      count:
        description: As O(count).
        type: int
      expect:
        description: As O(expect).
        type: str
        choices: [answer, refused]
        default: answer
      status:
        description: As O(status).
        type: list
        elements: int
      contains:
        description: As O(contains).
        type: str
      sources:
        description: As O(sources).
        type: list
        elements: str
notes:
  - In check mode no request is made and the task is skipped, as the import may not be there yet.
  - The requests are tried from at most three of the pods, in case the first has no shell.
  - Running a command in a pod needs the verbs C(get) and C(create) on C(pods/exec), and C(list) on C(pods). O(image)
    needs C(get), C(patch), C(create) and C(delete) on C(pods).
seealso:
  - module: skyshift.clusterlink.service_import
  - module: skyshift.clusterlink.fabric_info
"""

EXAMPLES = r"""
- name: The frontend is answered by both clusters
  skyshift.clusterlink.probe:
    context: north
    name: web
    namespace: shop
    port: 80
    client:
      labels: {app: frontend}
    count: 4
  register: web

- name: Show who answered
  ansible.builtin.debug:
    msg: "{{ web.answers | map(attribute='body') }}"

- name: A pod that no policy allows is refused
  skyshift.clusterlink.probe:
    context: north
    name: web
    namespace: shop
    port: 80
    image: registry.example.com/tools/curl:8
    client:
      labels: {app: stranger}
    expect: refused

- name: A database takes connections from the pod that needs it
  skyshift.clusterlink.probe:
    context: north
    name: orders
    namespace: shop
    port: 5432
    scheme: tcp
    client:
      pod: orders-0

- name: Several imports at once
  skyshift.clusterlink.probe:
    context: north
    probes:
      - {name: web, namespace: shop, port: 80, client: {labels: {app: frontend}}}
      - {name: models, namespace: inference, port: 8000, path: /health, status: [200], client: {labels: {app: gateway}}}
"""

RETURN = r"""
ok:
  description: Whether everything that could be asked is as expected.
  returned: always, except in check mode
  type: bool
  sample: true
summary:
  description: What came of it, for people. With O(probes) a list of such lines.
  returned: always, except in check mode
  type: raw
  sample: "shop/web answers: hello from east | hello from west"
results:
  description: What came of each of O(probes), in their order, each with everything that follows here.
  returned: O(probes) is given
  type: list
  elements: dict
name:
  description: The Import's name.
  returned: O(name) is given
  type: str
  sample: web
namespace:
  description: The Import's namespace.
  returned: O(name) is given
  type: str
  sample: shop
url:
  description: What was asked for.
  returned: O(name) is given
  type: str
  sample: http://web.shop:80/
sources:
  description: As given.
  returned: O(name) is given
  type: list
  elements: str
  sample: [east, west]
probed:
  description: Whether requests could be made at all.
  returned: O(name) is given
  type: bool
  sample: true
pod:
  description: Where the requests were made, with namespace, name and container. Null when no pod could be used.
  returned: O(name) is given
  type: dict
  sample: {"namespace": "shop", "name": "frontend-7d9c5b5c8-x2x4t", "container": "frontend"}
answers:
  description: One entry for each request of the last attempt.
  returned: O(name) is given
  type: list
  elements: dict
  contains:
    answered:
      description: Whether it was answered.
      returned: always
      type: bool
    status:
      description: The HTTP status. Null without an answer, and for V(tcp).
      returned: always
      type: int
    body:
      description: The first 2000 characters of the answer. Empty with C(wget) when the status says failure.
      returned: always
      type: str
    seconds:
      description: How long it took, in hundredths of a second unless it was C(curl). For V(tcp) until connected.
      returned: always
      type: float
    error:
      description: Why there was no answer, in the tool's own words. Empty with an answer.
      returned: always
      type: str
  sample: [{"answered": true, "status": 200, "body": "hello from east", "seconds": 0.012, "error": ""}]
answered:
  description: How many requests were answered.
  returned: O(name) is given
  type: int
  sample: 1
unanswered:
  description: How many requests were not answered.
  returned: O(name) is given
  type: int
  sample: 0
error:
  description: What is not as expected. Empty when everything is.
  returned: O(name) is given
  type: str
  sample: ""
why:
  description:
    - "What may be the reason, as far as the importing cluster knows: the conditions of the Import and of its Peers, and
      access policies. Looked up only after requests that should have been answered were not."
  returned: O(name) is given
  type: list
  elements: str
  sample: ["Peer west is not reachable: its gateway has not answered a heartbeat"]
problems:
  description: What is wrong with the arguments or the cluster, each with where, what, found and fix.
  returned: failure
  type: list
  elements: dict
  sample: [{"host": "", "where": "port", "what": "must be a port number from 1 to 65535", "found": "70000", "fix": ""}]
"""

from typing import Any

from ..module_utils.kube.connection import CONNECTION_SPEC, REQUIRES, connect
from ..module_utils.module import run_module
from ..module_utils.outcome import Mode, Outcome, Task
from ..module_utils.probe.diagnosis import diagnose
from ..module_utils.probe.options import REQUEST_SPEC, read_probes
from ..module_utils.probe.run import run_probes


def run(params: dict[str, Any], mode: Mode) -> Outcome:
    """Make the requests, judge them, and say why where they are not as expected."""
    probes = read_probes(params)
    if mode.check:
        return Outcome(values={"skipped": True, "msg": "No request is made in check mode"})
    with connect(params) as cluster:
        results = run_probes(
            cluster,
            probes,
            timeout=params["timeout"],
            wait_timeout=params["wait_timeout"],
            image=params["image"] or "",
        )
        reasons = diagnose(cluster, results)
    lines = ["; ".join([result.summary(), *why]) for result, why in zip(results, reasons, strict=True)]
    values = [{**result.as_dict(), "why": why} for result, why in zip(results, reasons, strict=True)]
    if params["probes"] is None:
        ok = results[0].ok
        return Outcome(values={**values[0], "summary": lines[0], **({} if ok else {"msg": lines[0]})}, failed=not ok)
    wrong = [line for line, result in zip(lines, results, strict=True) if result.probed and not result.ok]
    untried = [line for line, result in zip(lines, results, strict=True) if not result.probed]
    outcome = Outcome(values={"ok": not wrong, "summary": lines, "results": values}, warnings=untried)
    if wrong:
        outcome.failed = True
        outcome.values["msg"] = "\n".join(wrong)
    return outcome


TASK = Task(
    argument_spec={
        "name": {"type": "str"},
        "port": {"type": "int"},
        **REQUEST_SPEC,
        "image": {"type": "str"},
        "timeout": {"type": "int", "default": 5},
        "wait_timeout": {"type": "int", "default": 30},
        "probes": {
            "type": "list",
            "elements": "dict",
            "options": {
                "name": {"type": "str", "required": True},
                "port": {"type": "int", "required": True},
                **REQUEST_SPEC,
            },
        },
        **CONNECTION_SPEC,
    },
    run=run,
    requires=(*REQUIRES, "websocket"),
    constraints={
        "required_one_of": [("name", "probes")],
        "mutually_exclusive": [("name", "probes")],
        "required_by": {"name": ("port",)},
    },
)


def main() -> None:
    """Run as a module."""
    run_module(TASK)


if __name__ == "__main__":
    main()
