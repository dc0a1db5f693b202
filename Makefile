# `make repro` takes a clean clone to reports/index.html; `make test` runs every test.
PYTHON ?= python3
VENV ?= .venv
# stages at a time; 1 is plain `dvc repro`
JOBS ?= 2
export PATH := $(abspath $(VENV))/bin:$(PATH)
READY := $(VENV)/ready

.PHONY: setup sample repro latency train-fusion ablation bench test test-fast lab app mlflow lock clean
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

# times every step on this machine, anew each time: no stage, for DVC would keep or record the times
latency: $(READY)
	DVC_STAGE=latency python -m deepbench.apps.notebook notebooks/latency.ipynb reports/latency/index.html
	deepbench report

# beside the pipeline, and resumed where they were interrupted; the stage train_fusion is frozen, and
# DVC runs no frozen stage
train-fusion: $(READY)
	DVC_STAGE=train_fusion python -m deepbench.apps.notebook notebooks/train_fusion.ipynb reports/train_fusion/index.html -p start weights/xception

# e.g. make ablation EPOCHS='-p head_epochs 15 -p backbone_epochs 2'
ablation: $(READY)
	DVC_STAGE=ablation python -m deepbench.apps.notebook notebooks/ablation.ipynb reports/ablation/index.html $(EPOCHS)
	deepbench report

# a file's tests stay together, for they share what they set up
test: $(READY)
	pytest --numprocesses auto --dist loadfile

test-fast: $(READY)
	pytest --numprocesses auto --dist loadfile -m "not slow"

# the three servers answer this machine alone, and whoever has the token or password that they print;
# e.g. make lab PORT=9000

# kernels start in the folder of their notebook; a start-up line takes them to the root
lab: $(READY)
	mkdir -p $(VENV)/ipython/profile_default/startup
	python -c 'import os; print(f"import os; os.chdir({os.getcwd()!r})")' > $(VENV)/ipython/profile_default/startup/00-root.py
	IPYTHONDIR="$$(cd $(VENV) && pwd)/ipython" jupyter lab --ip 127.0.0.1 $(if $(PORT),--port $(PORT))

# the interactive notebooks as pages
app: $(READY)
	python -m deepbench.apps.page $(if $(PORT),--port $(PORT))

# deepbench against what one would write otherwise, in turns (benchmarks/README.md)
bench: $(READY)
	python -m benchmarks.end_to_end

mlflow: $(READY)
	python -m deepbench.apps.mlflow_page $(if $(PORT),--port $(PORT))

# after a change of dependencies: pins what is installed, without anything of this machine
lock: $(READY)
	$(VENV)/bin/python tools/lock.py

clean:
	rm -rf artifacts runs reports/index.html
