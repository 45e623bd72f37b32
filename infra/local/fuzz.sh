#!/bin/sh
# Runs every fuzz target of the rooms in turn, each for the time given ($1).
set -eu
for package in $(go list ./shared/...); do
	for target in $(go test -list '^Fuzz' "$package" | grep '^Fuzz' || true); do
		echo "$package $target"
		go test -run '^$' -fuzz "^$target\$" -fuzztime "$1" -fuzzminimizetime 20x "$package"
	done
done
