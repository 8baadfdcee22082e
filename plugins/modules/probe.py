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
  - Makes requests to the Service of an Import from a pod of the cluster, as a workload would, and returns the answers.
    Unlike any condition, this tests the whole path through both gateways and their access policies.
  - A small shell script in a container of an existing pod makes the requests. It uses C(curl), C(wget), C(nc) or
    C(bash), whichever of them the image has first. One command makes all requests from one pod.
  - Without a pod that has a shell, the module can create a temporary one, see O(image).
  - The module never reports a change.
author:
  - The skyshift.clusterlink contributors (@skyshift)
extends_documentation_fragment:
  - skyshift.clusterlink.attributes.info
  - skyshift.clusterlink.connection
  - skyshift.clusterlink.pods
options:
  name:
    description:
      - The name of the Import. Either this or O(probes) is required.
    type: str
  namespace: &namespace
    description:
      - The namespace of the Import.
    type: str
    default: default
  port:
    description:
      - The port of the Import. Required with O(name).
    type: int
  scheme: &scheme
    description:
      - The protocol. V(auto) makes an HTTP request, and where the server does not speak HTTP, a connection as V(tcp)
        does is enough. It is V(http) with O(path), O(status) or O(contains), and V(tcp) for O(expect=refused) and for
        ports that are known for another protocol, such as 5432 and 6379.
      - V(http) and V(https) make a GET request without following redirects; every response is an answer, whatever its
        status. The certificate of V(https) is not verified.
      - V(tcp) only connects. A gateway accepts a connection before it decides, and closes one that it denies or that
        leads nowhere, which takes up to 2.4 seconds. So data that arrives is an answer, and a connection that stays
        open for 3 seconds while the server waits. On the ports of PostgreSQL, Redis and memcached the client says
        what these servers answer to at once. The image needs C(bash) or C(curl), and for these ports C(nc) will do.
    type: str
    choices: [auto, http, https, tcp]
    default: auto
  path: &path
    description:
      - The path of the request, with its query if it has one. Characters that are not valid in a URL are encoded.
    type: str
    default: /
  client:
    description:
      - The pods that may make the requests. The module uses one that is running and ready.
      - The default is any pod in the Import's namespace.
    type: dict
    suboptions: &client
      namespace:
        description: The pods' namespace. The default is the Import's.
        type: str
      pod:
        description: The name of one pod.
        type: str
      labels:
        description: Labels of the pods. With O(image), the labels of the temporary pod.
        type: dict
      match_expressions:
        description: Further requirements on the pods' labels. They do not apply to a temporary pod.
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
        description: The container that makes the requests. The default is the pod's default container.
        type: str
      service_account:
        description: Pods that run as this service account are preferred. With O(image), the temporary pod runs as it.
        type: str
  image:
    description:
      - Make the requests from a temporary pod of this image, with the client's labels, instead of an existing one.
      - The image needs C(sh), C(sleep) and one of the tools above, and must not need to run as root.
      - The pod meets the restricted Pod Security Standard. It never becomes ready, so that no Service sends it traffic,
        and is deleted at the end, also after a failure. When the controller fails, it terminates after 15 minutes.
      - O(node_selector) and the like are those of the temporary pod. The client's labels count more than O(pod_labels).
      - Where no command may be run in pods, each attempt makes temporary pods that report by their termination message,
        for at most 8 requests each and to one import. The image needs C(head) then.
    type: str
  count: &count
    description:
      - How many requests to make, one after another, at most 1000.
      - The default is the number of O(sources), or one without O(sources).
    type: int
  timeout:
    description:
      - Seconds for one request, at most 300.
    type: int
    default: 5
  wait_timeout:
    description:
      - Seconds for which all requests of a probe are retried until everything is as expected. Just after an Import
        becomes valid, its first connections may be refused for about a second. V(0) makes one attempt.
    type: int
    default: 30
  expect: &expect
    description:
      - V(answer) fails unless every request is answered, V(refused) unless none is.
      - A refusal is meaningful only for an import that answers other clients. Its pod must run as the service account
        of O(client), if one is given.
    type: str
    choices: [answer, refused]
    default: answer
  status: &status
    description:
      - The expected HTTP statuses. The default is any status.
    type: list
    elements: int
  contains: &contains
    description:
      - A text that every answer must contain, within its first 16 KiB.
    type: str
  sources: &sources
    description:
      - The source peers of the Import, for the reader of the result.
    type: list
    elements: str
  probes:
    description:
      - Several probes to make side by side, instead of O(name) and its options.
      - A probe without a usable pod or without a client gives a warning and is no failure, nor is one that may not
        run a command in its pod.
    type: list
    elements: dict
    suboptions:
      name:
        description: As O(name).
        type: str
        required: true
      namespace: *namespace
      port:
        description: As O(port).
        type: int
        required: true
      scheme: *scheme
      path: *path
      client:
        description: As O(client), but without it no request is made.
        type: dict
        suboptions: *client
      count: *count
      expect: *expect
      status: *status
      contains: *contains
      sources: *sources
notes:
  - In check mode no request is made and the task is skipped, as the Import may not exist yet.
  - At most three of the pods are tried, in case the first has no shell.
  - Running a command in a pod needs the verbs C(get) and C(create) on C(pods/exec), and C(list) on C(pods). O(image)
    needs C(get), C(patch), C(create) and C(delete) on C(pods), and does without C(pods/exec).
seealso:
  - module: skyshift.clusterlink.service_import
  - module: skyshift.clusterlink.fabric_info
"""

EXAMPLES = r"""
- name: Send requests from the frontend to both clusters
  skyshift.clusterlink.probe:
    context: north
    name: web
    namespace: shop
    port: 80
    client:
      labels: {app: frontend}
    count: 4
  register: web

- name: Show the responses
  ansible.builtin.debug:
    msg: "{{ web.answers | map(attribute='body') }}"

- name: Check that a pod without a policy is refused
  skyshift.clusterlink.probe:
    context: north
    name: web
    namespace: shop
    port: 80
    image: registry.example.com/tools/curl:8
    client:
      labels: {app: stranger}
    expect: refused

- name: Connect to a database from the pod that needs it
  skyshift.clusterlink.probe:
    context: north
    name: orders
    namespace: shop
    port: 5432
    scheme: tcp
    client:
      pod: orders-0

- name: Probe several imports in one task
  skyshift.clusterlink.probe:
    context: north
    probes:
      - {name: web, namespace: shop, port: 80, client: {labels: {app: frontend}}}
      - {name: models, namespace: inference, port: 8000, path: /health, status: [200], client: {labels: {app: gateway}}}
"""

RETURN = r"""
ok:
  description: Whether the answers to all requests that could be made are as expected.
  returned: always, except in check mode
  type: bool
  sample: true
summary:
  description: The result in a line for people. With O(probes) a list of such lines.
  returned: always, except in check mode
  type: raw
  sample: "shop/web answers: hello from east | hello from west"
results:
  description: The results of O(probes), in their order, each with all of the following values.
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
  description: The URL of the requests, with the protocol that was spoken.
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
  description: Whether requests could be made.
  returned: O(name) is given
  type: bool
  sample: true
pod:
  description: The pod that made the requests, with namespace, name and container. Null without a usable pod.
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
  description: What differs from the expectation. Empty when nothing does.
  returned: O(name) is given
  type: str
  sample: ""
why:
  description:
    - "Possible reasons, as far as the importing cluster shows them: the conditions of the Import and of its Peers, and
      access policies. They are read only after requests without the expected answer."
  returned: O(name) is given
  type: list
  elements: str
  sample: ["Peer west is not reachable: its gateway has not answered a heartbeat"]
problems:
  description: The problems of the options or the cluster, each with where, what, found and fix.
  returned: failure
  type: list
  elements: dict
  sample: [{"host": "", "where": "port", "what": "must be a port number from 1 to 65535", "found": "70000", "fix": ""}]
"""

from typing import Any

from ..module_utils.kube.connection import CONNECTION_SPEC, REQUIRES, connect
from ..module_utils.kube.pod_settings import POD_SPEC
from ..module_utils.module import run_module
from ..module_utils.outcome import Mode, Outcome, Task
from ..module_utils.probe.diagnosis import diagnose
from ..module_utils.probe.options import REQUEST_SPEC, read_probes
from ..module_utils.probe.run import run_probes, untried


def run(params: dict[str, Any], mode: Mode) -> Outcome:
    """Make the requests, judge the answers, and explain unexpected ones."""
    probes, settings = read_probes(params)
    if mode.check:
        return Outcome(values={"skipped": True, "msg": "No request is made in check mode"})
    with connect(params) as cluster:
        results = run_probes(
            cluster,
            probes,
            timeout=params["timeout"],
            wait_timeout=params["wait_timeout"],
            image=params["image"] or "",
            settings=settings,
        )
        reasons = diagnose(cluster, results)
    lines = ["; ".join([result.summary(), *why]) for result, why in zip(results, reasons, strict=True)]
    values = [{**result.as_dict(), "why": why} for result, why in zip(results, reasons, strict=True)]
    if params["probes"] is None:
        ok = results[0].ok
        return Outcome(values={**values[0], "summary": lines[0], **({} if ok else {"msg": lines[0]})}, failed=not ok)
    wrong = [line for line, result in zip(lines, results, strict=True) if result.probed and not result.ok]
    outcome = Outcome(values={"ok": not wrong, "summary": lines, "results": values}, warnings=untried(results))
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
        **POD_SPEC,
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
