#!/bin/sh
# Says what is missing on this machine and the command that installs it. On
# Debian and Ubuntu, as root, it installs all but Go by itself. With "test" it also
# sees to what only the tests need.
set -u

apt=false
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then apt=true; fi
missing=0

# need NAME, CHECK, PACKAGE, COMMAND: makes sure of one thing.
need() {
	if sh -c "$2" >/dev/null 2>&1; then return; fi
	if $apt && [ -n "$3" ]; then
		echo "installing $1 ($3)"
		apt-get update -qq >/dev/null && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$3" >/dev/null
		if sh -c "$2" >/dev/null 2>&1; then return; fi
	fi
	echo "missing: $1. Install it with: $4" >&2
	missing=1
}

need "Go 1.26 or newer" 'go version | awk "{split(substr(\$3, 3), v, \".\"); exit !(v[1] > 1 || v[2] >= 26)}"' '' \
	'see the Go project'"'"'s installation page; every version from 1.26 on will do'
need "Node with npm" 'node --version && npm --version' npm 'sudo apt-get install -y npm   (or: brew install node)'
need "Java 17 or newer" 'java -version 2>&1 | awk -F "[\".]" "/version/ {exit !(\$2 >= 17)}"' openjdk-17-jre-headless \
	'sudo apt-get install -y openjdk-17-jre-headless   (or: brew install openjdk@17)'
need "OpenSSL 3, with which the tests make keys" 'openssl version | grep -q "^OpenSSL [3-9]"' openssl \
	'sudo apt-get install -y openssl   (or: brew install openssl@3)'
if [ "${1:-}" = test ]; then
	need "Chromium, in which the tests run the pages" 'command -v chromium || command -v chromium-browser || command -v google-chrome' chromium \
		'sudo apt-get install -y chromium   (or: brew install --cask chromium)'
fi
exit $missing
