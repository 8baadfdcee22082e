# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# Everything that a developer, CI or a first visitor runs. 'make' alone lists it.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# The interpreter for the virtual environment: the newest release on the PATH or in pyenv that answers, since a shim of
# pyenv may have none behind it; one that makes virtual environments before one that needs a package for that.
PYENV := $(or $(PYENV_ROOT),$(HOME)/.pyenv)/versions
PYTHONS = $(foreach release,3.13 3.12 3.11,python$(release) $(wildcard $(PYENV)/$(release).*/bin/python)) python3 /usr/bin/python3
PYTHON ?= $(shell for modules in 'ensurepip, venv' sys; do for python in $(PYTHONS); do \
	$$python -c "import $$modules, sys; assert sys.version_info >= (3, 11); print(sys.executable)" 2>/dev/null && exit; \
	done; done)

VENV := .venv
PINS := requirements.txt requirements-dev.txt constraints.txt
# Its name carries what was installed: other pins, another stamp.
STAMP := $(VENV)/.installed-$(shell cat $(PINS) | sha256sum | cut -c1-16)
COLLECTION := $(VENV)/collections/ansible_collections/skyshift/clusterlink

# Where the lab keeps what it has built, kubectl and kind among it.
LAB_CACHE ?= $(HOME)/.cache/clusterlink-lab
export LAB_CACHE

export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
export ANSIBLE_CONFIG := $(CURDIR)/ansible.cfg

# $(call step,what it does and for how long,command)
define step
@printf '\n==> %s\n' '$(1)'; start=$$SECONDS; $(2) || exit; printf '    (%d s)\n' $$((SECONDS - start))
endef

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: $(STAMP) ## Make .venv from the pinned requirements, with the collection on Ansible's path

$(STAMP):
	@test -n '$(PYTHON)' || { echo 'Python 3.11 or newer is needed. Name one: make setup PYTHON=/path/to/python3' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		test "$$(id -u)" = 0 && command -v apt-get >/dev/null || { \
			echo '$(PYTHON) cannot make virtual environments. Install its venv package (Debian: python3-venv).' >&2; exit 1; }; \
		echo '==> Installing Debian package python3-venv'; \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-venv >/dev/null; }
	@echo '==> Installing the pinned requirements into $(VENV) (half a minute)'
	@$(VENV)/bin/python -c '' 2>/dev/null || $(PYTHON) -m venv --clear $(VENV)
	@$(VENV)/bin/python -m pip install --quiet --no-compile --disable-pip-version-check -r requirements-dev.txt -c constraints.txt
	@mkdir -p $(dir $(COLLECTION)) && ln -sfn ../../../.. $(COLLECTION)
	@rm -f $(VENV)/.installed-* && touch $@

.PHONY: lab
lab: setup ## Bring up the lab: three kind clusters (the first time takes minutes)
	$(call step,The lab: three bare Kubernetes clusters (10 to 12 minutes the first time without a registry; about 1 with its cache),ansible-playbook playbooks/lab.yml)

.PHONY: lab-down
lab-down: setup ## Remove the lab, but not its cache
	$(call step,Removing the lab,ansible-playbook playbooks/lab.yml -e lab_state=absent)

.PHONY: demo
demo: lab ## From bare clusters to a fabric, and what came of it
	$(call step,The fabric: certificates and gateways and links and services (about a minute),ansible-playbook site.yml)
	$(call step,What came of it,ansible-playbook playbooks/show.yml)
	@printf '%s\n' '' \
		'The lab stays up. Look around:' \
		'  export PATH="$(CURDIR)/$(VENV)/bin:$(LAB_CACHE)/bin:$$PATH" KUBECONFIG="$(CURDIR)/.lab/kubeconfig"' \
		'  kubectl --context kind-north get peers.clusterlink.net,imports.clusterlink.net --all-namespaces' \
		'  kubectl --context kind-north exec deploy/client -- curl --silent http://web' \
		'  ansible-playbook site.yml      again: nothing changes' \
		'Take it down: make demo-down'

.PHONY: demo-down
demo-down: lab-down ## Remove what 'make demo' made

.PHONY: test
test: setup ## All tests but the long ones, in lanes: what waits runs beside what computes
	@python -m tests.run

.PHONY: test-long
test-long: setup ## What 'make test' leaves out: upgrades, failover, killed runs, failing API servers, images from a registry
	@python -m tests.run --long

.PHONY: check
check: setup ## Linters, checks and unit tests side by side: the inner loop
	@pytest --quiet -m "not long" -n 3 --dist worksteal tests/lint tests/checks tests/unit

.PHONY: lint
lint: setup ## The linters and this collection's own checks
	@pytest -m "not long" tests/lint tests/checks

.PHONY: unit
unit: setup ## Unit tests
	@pytest tests/unit

.PHONY: playbooks
playbooks: setup ## Playbooks without a cluster
	@pytest -m "not long" -n 2 --dist worksteal tests/playbooks

.PHONY: matrix
matrix: setup ## Unit tests and playbooks with every supported ansible-core, Python and library (noxfile.py); e2e has a fabric with each
	@nox

.PHONY: docs
docs: setup ## Build the documentation's site in .build/docs/html, with warnings as errors (noxfile.py)
	@nox -s docs

.PHONY: sanity
sanity: setup ## ansible-test sanity, without an ignore file
	@pytest tests/sanity

.PHONY: integration
integration: setup ## Modules and playbooks on real API servers without nodes
	@pytest -m "not long" -n 2 --dist worksteal tests/integration

.PHONY: e2e
e2e: setup ## Gateways, pods and requests, on three kind clusters of their own
	@pytest -m "not long" tests/e2e

.PHONY: molecule
molecule: setup ## The roles and playbooks on clusters of their own, from create to destroy
	@pytest tests/molecule

.PHONY: bench
bench: setup ## Speed against kubernetes.core and the clusterlink CLI; needs the lab up
	@python -m tests.bench

.PHONY: release-check
release-check: setup ## What Galaxy checks, on an installation (minutes); DEMO=1 runs the demo from it, TAG=v1.2.3 is the release
	@python -m tests.release $(TAG)

.PHONY: format
format: setup ## Format the Python files
	@ruff check --fix --exit-zero && ruff format

# $(call pin,requirements,constraints): what is for older releases of Python alone is kept.
define pin
@rm -rf .build/pins && $(PYTHON) -m venv .build/pins
@.build/pins/bin/python -m pip install --quiet --disable-pip-version-check -r $(1)
@{ sed '/^[^#]/,$$d' $(2); { grep 'python_version <' $(2); .build/pins/bin/python -m pip freeze --disable-pip-version-check \
	| sed 's/^ansible-core==.*/&; python_version >= "3.12"/'; } | LC_ALL=C sort -f; } > .build/constraints.txt
@mv .build/constraints.txt $(2) && rm -rf .build/pins
endef

.PHONY: pins
pins: ## Rewrite constraints.txt: every package that the requirements bring, at its newest
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.12 or newer is needed" if sys.version_info < (3, 12) else 0)'
	$(call pin,requirements-dev.txt,constraints.txt)
	$(call pin,docs/docsite/requirements.txt,docs/docsite/constraints.txt)

.PHONY: clean
clean: ## Remove .venv and what tests leave behind; the lab stays
	@rm -rf $(VENV) .build .ansible .cache .hypothesis .mypy_cache .pytest_cache .ruff_cache tests/output
