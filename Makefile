# Needs Python 3.11 or later. scikit-learn 1.6 or later comes with the installation.
# Every target sets itself up in .venv, and is quick when run again.
#
#   make demo    the digits, three ways: a table and digits.png
#   make test    the whole test suite
#   make quick   the part of it that takes a few minutes, for the work in between
#   make test-oldest    the whole test suite with the oldest dependencies, in .venv-oldest
#   make core-oldest    the core of it, with the PyTorch of make test
#   make lint    ruff and codespell, as the pre-commit hooks run them
#   make doc     the documentation, in doc/_build/html
#   make dist    a wheel and a source distribution, and the README in an empty environment
#   make bench   speed beside other packages

PYTHON ?= python3
# For a CPU build of torch, say where it is: PIP_ARGS="--extra-index-url ..."
PIP_ARGS ?=
# Versions to install, and where; the newest: VENV=.venv-newest CONSTRAINTS=/dev/null.
CONSTRAINTS ?= constraints.txt
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: demo test quick test-oldest core-oldest lint doc dist bench clean

demo: $(VENV)/plot
	MPLBACKEND=agg $(BIN)/python examples/neural/plot_digits.py

# A process for each core, and a thread for each process: small products are faster so.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist worksteal

test: $(VENV)/test
	$(PYTEST) $(ARGS)

quick: $(VENV)/test
	$(PYTEST) -m "not slow" $(ARGS)

test-oldest:
	$(MAKE) test VENV=.venv-oldest CONSTRAINTS=constraints-oldest.txt

# The contracts of all estimators, and the truth of one of each family. PyTorch is that
# of `make test`, as the oldest may bring gigabytes of GPU packages.
core-oldest: .venv-core.txt
	$(MAKE) quick VENV=.venv-core CONSTRAINTS=.venv-core.txt ARGS="tests/test_common.py \
		tests/test_import.py tests/decomposition/test_ppca.py \
		tests/density/mixture/test_gaussian_mixture.py \
		tests/density/kernel/test_kernel_density.py tests/dimension/test_estimates.py \
		tests/neural/vae/test_likelihoods.py"

.venv-core.txt: constraints-oldest.txt constraints.txt
	grep -v ^torch= constraints-oldest.txt > $@
	grep ^torch= constraints.txt >> $@

lint: $(VENV)/lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell

doc: $(VENV)/doc
	$(BIN)/sphinx-build -q -E -W --keep-going -b html doc doc/_build/html
	@echo "Open $(CURDIR)/doc/_build/html/index.html"

dist: $(VENV)/dist
	rm -rf dist dist-venv
	$(BIN)/python -m build --outdir dist .
	$(PYTHON) -m venv dist-venv
	dist-venv/bin/python -m pip install --quiet --disable-pip-version-check \
		$(PIP_ARGS) -c constraints.txt "sklatent[neural] @ file://$$(echo $(CURDIR)/dist/*.whl)"
	cd dist && ../dist-venv/bin/python -I -m doctest ../README.md
	@echo "Made $$(ls dist | tr '\n' ' ')"

bench: $(VENV)/bench .peers
	$(BIN)/python -m benchmarks billion_rows
	$(BIN)/python -m benchmarks decomposition
	$(BIN)/python -m benchmarks density
	$(BIN)/python -m benchmarks density_calls
	SKLATENT_PEERS=.peers/bin/python $(BIN)/python -m benchmarks dimension
	SKLATENT_PEERS=.peers/bin/python $(BIN)/python -m benchmarks dimensions
	$(BIN)/python -m benchmarks imports
	SKLATENT_PEERS=.peers/bin/python $(BIN)/python -m benchmarks manifold
	SKLATENT_PEERS=.peers/bin/python $(BIN)/python -m benchmarks manifold_maps
	$(BIN)/python -m benchmarks memory_map
	$(BIN)/python -m benchmarks neural
	$(BIN)/python -m benchmarks neural_images
	SKLATENT_PEERS=.peers/bin/python $(BIN)/python -m benchmarks neural_peers
	$(BIN)/python -m benchmarks neural_quality
	$(BIN)/python -m benchmarks neural_retrieval
	SKLATENT_PEERS=.peers/bin/python $(BIN)/python -m benchmarks quality
	SKLATENT_PEERS=.peers/bin/python $(BIN)/python -m benchmarks rows

# Peers that need other versions of NumPy.
.peers: benchmarks/peers.txt
	$(PYTHON) -m venv .peers
	.peers/bin/python -m pip install --quiet $(PIP_ARGS) -r benchmarks/peers.txt
	.peers/bin/python -m pip install --quiet $(PIP_ARGS) --no-deps skmatter==0.4.1
	touch $@

# One stamp per extra: what it needs is installed.
$(VENV)/%: pyproject.toml $(CONSTRAINTS)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		$(PIP_ARGS) -c $(CONSTRAINTS) -e ".[neural,$*]"
	touch $@

clean:
	rm -rf .venv .venv-* .peers dist dist-venv build *.egg-info doc/_build doc/api doc/auto_examples doc/generated digits.png
