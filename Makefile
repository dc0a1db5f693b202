# `make repro` takes a clean clone to reports/index.html; `make test` runs every test.
PYTHON ?= python3
VENV ?= .venv
# stages at a time; 1 is plain `dvc repro`
JOBS ?= 2
export PATH := $(abspath $(VENV))/bin:$(PATH)
READY := $(VENV)/ready

.PHONY: setup sample repro test test-fast lab mlflow lock clean
.DEFAULT_GOAL := repro

setup: $(READY)

$(READY): pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(v < (3, 11) and f"Python 3.11 or newer is needed, {v.major}.{v.minor} found; set PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --constraint requirements.lock --editable '.[dev]'
	@# without what they ask for: their OpenCV would overwrite ours
	$(VENV)/bin/python -m pip install --quiet --constraint requirements.lock --no-deps grad-cam ttach
	touch $@

# fills data/ and weights/ only where they are empty
sample: $(READY)
	deepbench sample

repro: sample
	deepbench repro --jobs $(JOBS)
	deepbench report

# a file's tests stay together, for they share what they set up
test: $(READY)
	pytest --numprocesses auto --dist loadfile

test-fast: $(READY)
	pytest --numprocesses auto --dist loadfile -m "not slow"

# kernels start in the folder of their notebook; a start-up line takes them to the root
lab: $(READY)
	mkdir -p $(VENV)/ipython/profile_default/startup
	echo 'import os; os.chdir(r"$(CURDIR)")' > $(VENV)/ipython/profile_default/startup/00-root.py
	IPYTHONDIR="$(abspath $(VENV))/ipython" jupyter lab --ip 127.0.0.1

mlflow: $(READY)
	mlflow ui --host 127.0.0.1 --backend-store-uri sqlite:///mlflow.db

# after a change of dependencies: pins what is installed, without anything of this machine
lock: $(READY)
	$(VENV)/bin/python tools/lock.py

clean:
	rm -rf artifacts runs reports/index.html
