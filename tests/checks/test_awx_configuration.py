# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""awx/ agrees with the collection: playbooks, variables, versions, and the names that its files call each other by."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml

from ansible_collections.skyshift.clusterlink.plugins.plugin_utils.variables import name_problems, specifications
from tests.support.yaml_files import load

ROOT = Path(__file__).resolve().parents[2]
AWX = ROOT / "awx"
WITHOUT_TEMPLATE = {"lab", "enrol_request", "enrol_sign", "enrol_install"}
"""Needs Docker; read and write files that people exchange."""
RRULE = re.compile(r"DTSTART;TZID=UTC:\d{8}T\d{6} RRULE:FREQ=(HOURLY|DAILY|WEEKLY);INTERVAL=\d+(;BYDAY=\w\w)?")


def variables(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = load(AWX / "vars" / f"{name}.yml")
    return loaded


TYPES = variables("credential_types")["awx_credential_types"]
TEMPLATES = variables("job_templates")["awx_job_templates"]
NAMES = {template["name"] for template in TEMPLATES}


def parameters(playbook: str) -> list[str]:
    """What a playbook takes besides variables of roles."""
    first = load(ROOT / "playbooks" / Path(playbook).name)[0]
    return list(first.get("vars", {}).get("preflight_parameters", []))


def test_every_playbook_that_a_job_can_run_has_a_template() -> None:
    assert all((ROOT / template["playbook"]).is_file() for template in TEMPLATES)
    there = {path.stem for path in ROOT.glob("playbooks/*.yml")} - WITHOUT_TEMPLATE
    assert {Path(template["playbook"]).stem for template in TEMPLATES} == there
    assert len(NAMES) == len(TEMPLATES)


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: template["name"])
def test_a_template_asks_for_what_its_playbook_takes(template: dict[str, Any]) -> None:
    given = [*template.get("extra_vars", {}), *(question["variable"] for question in template.get("survey", []))]
    assert list(name_problems({}, given, parameters(template["playbook"]))) == []
    for question in template.get("survey", []):
        # A workflow and a schedule answer with the default; without one, only a person can launch the job.
        assert question["required"] is True
        assert "default" not in question or question["default"] in question.get("choices", [question["default"]])


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind["name"])
def test_a_credential_becomes_variables_of_this_collection(kind: dict[str, Any]) -> None:
    fields = {field["id"]: f"the {field['id']}" for field in kind["inputs"]["fields"]}
    assert set(kind["inputs"]["required"]) == set(fields), "an empty answer would be an empty variable"
    injectors = kind["injectors"]
    known = {*specifications(), "awx_tokens"}
    assert set(injectors["extra_vars"]) <= known
    assert list(name_problems({}, injectors["extra_vars"], [])) == []
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False)  # noqa: S701 - no HTML
    templates = [*injectors.get("file", {}).values(), *injectors["extra_vars"].values()]
    filled = [environment.from_string(each).render(**fields, tower={"filename": "FILE"}) for each in templates]
    assert set(fields.values()) <= set(filled), "every answer is used"


def test_a_secret_is_masked() -> None:
    secret = {name for name, spec in specifications().items() if spec.get("no_log")} | {"clusterlink_kubeconfig"}
    for kind in TYPES:
        masked = {field["id"] for field in kind["inputs"]["fields"] if field.get("secret")}
        file = kind["injectors"].get("file", {}).get("template", "")
        for name, template in kind["injectors"]["extra_vars"].items():
            used = set(re.findall(r"\w+", template.replace("tower.filename", file)))
            assert name not in secret or used & masked, name


def test_the_credentials_of_jobs_have_types() -> None:
    assert set(variables("main")["awx_credentials"]) <= {kind["name"] for kind in TYPES}


def test_a_workflow_runs_templates_and_leads_to_its_own_nodes() -> None:
    for workflow in variables("workflows")["awx_workflows"]:
        nodes = {node["identifier"]: node for node in workflow["workflow_nodes"]}
        jobs = [node["unified_job_template"] for node in nodes.values()]
        assert {job["name"] for job in jobs if job["type"] == "job_template"} <= NAMES
        assert set(followers(nodes.values())) == set(nodes) - {"preview"}, "one node begins"


def followers(nodes: Any) -> Iterator[str]:
    for node in nodes:
        for following in node.get("related", {}).values():
            yield from (each["identifier"] for each in following)


def test_only_what_writes_nothing_is_scheduled() -> None:
    by_name = {template["name"]: template for template in TEMPLATES}
    for schedule in variables("schedules")["awx_schedules"]:
        template = by_name[schedule["unified_job_template"]]
        reports = template["playbook"] in ("playbooks/drift.yml", "playbooks/certificates.yml")
        assert reports or template.get("job_type") == "check"
        rule = variables("main")[schedule["rrule"].strip("{} ")]
        assert RRULE.fullmatch(rule), rule


def test_the_execution_environment_has_the_versions_that_are_tested() -> None:
    wanted = yaml.safe_load((AWX / "execution-environment.yml").read_text(encoding="utf-8"))["dependencies"]
    pinned = re.findall(r"^[^;\n]+", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.MULTILINE)
    assert {wanted["ansible_core"]["package_pip"], wanted["ansible_runner"]["package_pip"]} <= set(pinned)
    assert (AWX / wanted["python"]).resolve() == ROOT / "requirements.txt"
