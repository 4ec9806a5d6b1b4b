# make train TASK=mood-sad [DATA=folder-or-table] [OPTIONS="--labels sa --network vgg"]
# make table2 DATA=folder-of-datasets [OPTIONS="--starts pretrained --dry-run"]    the paper's table, measured
# make agf [DATA=fma]    what artist groups add to genre, measured; without DATA on a synthesised demo
# make benchmark [DATA=tagged-music]    networks that tag music, compared; without DATA on a synthesised demo
# make covers [DATA=music-with-pictures]    what album covers add to music; without DATA on a synthesised demo
# make test      the quick tests, one process per zone      make test-slow    the long ones
# make hostile   damaged files, kills, full disks: INPUTS=2000 KILLS=200 SEED=0
# make lint      ruff         make bench     speed and memory, as ratios
# make docs      the documentation, into build/docs

PYTHON ?= python3
VENV ?= .venv
TASK ?= mood-sad
MARK ?= not slow
INPUTS ?= 2000
KILLS ?= 200
SEED ?= 0
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: help install train graphs table2 agf benchmark covers test test-slow test-plain test-sound test-nets test-commands test-hostile hostile test-oldest lint bench docs clean
help:
	@sed -n '1,8s/^# //p' Makefile

$(READY): setup.cfg pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v <= (3, 13) else "Python %d.%d: expected 3.11 to 3.13. Run make with PYTHON=python3.12, say." % v)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --editable '.[plots,fast,docs,dev]'
	@touch $@

install: $(READY)

train: $(READY)
	@$(BIN)/essentia-ldl train "$(TASK)" $(if $(DATA),--data "$(DATA)") $(OPTIONS)

graphs: $(READY)
	@$(BIN)/essentia-ldl graphs build

table2: $(READY)
	@test -n "$(DATA)" || { echo "DATA: expected a folder with one entry per task. Say make table2 DATA=folder."; exit 1; }
	@$(BIN)/essentia-ldl table2 "$(DATA)" $(OPTIONS)

agf: $(READY)
	@$(BIN)/essentia-ldl agf $(if $(DATA),"$(DATA)") $(OPTIONS)

covers: $(READY)
	@$(BIN)/essentia-ldl covers $(if $(DATA),"$(DATA)") $(OPTIONS)

benchmark: $(READY)
	@$(BIN)/essentia-ldl benchmark $(if $(DATA),"$(DATA)") $(OPTIONS)

# Essentia and TensorFlow cannot share a process, so each zone has its own, and of the three two run at once. Sound and
# nets prepare trained runs and networks once per process, one thread each; plain tests, which take a worker on each
# core, start when the first of them ends, so that no core waits for the other. Byte code is kept whatever the
# environment says: without it every process that a test starts compiles the package again. The long tests of whole
# commands, which wait for processes of either zone, take as long as all others of sound: they are a share of their own.
COMMANDS := $(patsubst %,tests/sound/test_%.py,public notebook artist_groups table2 tags_and_numbers benchmark)
test test-slow test-plain test-sound test-nets test-commands test-oldest: export PYTHONDONTWRITEBYTECODE =
test: $(READY)
	@$(MAKE) --no-print-directory -k -j2 --output-sync=target test-sound test-nets test-plain test-hostile

test-slow: $(READY)
	@$(MAKE) --no-print-directory -k -j2 --output-sync=target MARK=slow test-nets test-sound test-commands test-plain test-hostile

test-plain: $(READY)
	@echo "== tests/plain, $(MARK)"
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/plain -m "$(MARK)" -n auto --dist loadfile $(PYTEST)

test-sound test-nets: test-%: $(READY)
	@echo "== tests/$*, $(MARK)"
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/$* -m "$(MARK)" $(PYTEST) \
		$(if $(filter sound-slow,$*-$(MARK)),$(COMMANDS:%=--ignore=%))

test-commands: $(READY)
	@echo "== $(COMMANDS)"
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(COMMANDS) -m slow $(PYTEST)

# Damaged files in under a minute; a kill, a full disk and two at once are among the long tests. `hostile` is all of it at
# full size, which takes about an hour; what broke a promise lies in build/hostile.
test-hostile: $(READY)
	@echo "== tests/hostile, $(MARK)"
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/hostile -m "$(MARK)" $(PYTEST)

hostile: $(READY)
	@HOSTILE_INPUTS=$(INPUTS) HOSTILE_KILLS=$(KILLS) HOSTILE_SEED=$(SEED) HOSTILE_KEEP=build/hostile OMP_NUM_THREADS=1 \
		$(BIN)/python -m pytest tests/hostile -n 2 --dist worksteal -o faulthandler_timeout=7200 $(PYTEST)

# The plain tests with the oldest versions that setup.cfg allows, in an environment of their own; not part of `test`.
test-oldest:
	$(PYTHON) -m venv .venv-oldest
	.venv-oldest/bin/pip install --quiet --constraint tests/oldest.txt --editable '.[plots,dev]'
	OMP_NUM_THREADS=1 .venv-oldest/bin/python -m pytest tests/plain -n auto --dist loadfile -m "not slow" $(PYTEST)

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

bench: $(READY)
	@$(BIN)/python tests/bench.py $(OPTIONS)

# every warning is an error: a reference that leads nowhere, a docstring that cannot be read, a page that is on no list
docs: $(READY)
	@$(BIN)/python -m sphinx -q -W --keep-going -b html docs build/docs
	@echo "build/docs/index.html"

clean:
	rm -rf build dist *.egg-info .pytest_cache .ruff_cache
