# SPDX-License-Identifier: ISC
# On demand: changes one operator or constant of a module at a time, and looks whether its unit
# tests notice (MODULES="spawn line": only of those). More variables: tests/mutants.

mutants: setup
	@tests/mutants $(MODULES)

.PHONY: mutants
