#!/bin/sh
# Runs the official browser clients against the binary: in HELIOSTAT_BIN, by default target/debug/heliostat.
#
# Installs what is missing: Chromium from the system's packages, the clients from npm. Arguments go to run.js, which hands
# them to node's test runner: e2e/run.sh --test-name-pattern=CP-068
set -eu

# A relative HELIOSTAT_BIN is meant from where the caller stands.
if [ -n "${HELIOSTAT_BIN:-}" ]; then
    HELIOSTAT_BIN=$(realpath -m -- "$HELIOSTAT_BIN")
    export HELIOSTAT_BIN
fi
cd "$(dirname -- "$0")"

binary=${HELIOSTAT_BIN:-$(realpath -m -- ../target/debug/heliostat)}
if [ ! -x "$binary" ]; then
    echo "e2e: $binary is not there; build it with \`cargo build -p heliostat-cli\`, or name another in HELIOSTAT_BIN" >&2
    exit 1
fi

if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
    echo "e2e: Node.js 20 or later with npm is needed; install it from https://nodejs.org or the system's packages" >&2
    exit 1
fi

browser=${CHROMIUM_BIN:-/usr/bin/chromium}
if [ ! -x "$browser" ]; then
    if [ -n "${CHROMIUM_BIN:-}" ] || [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
        echo "e2e: $browser is not there; install Chromium (on Debian: sudo apt-get install chromium)," >&2
        echo "     or name an executable in CHROMIUM_BIN" >&2
        exit 1
    fi
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium
fi

if [ ! -e node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
    npm ci --no-audit --no-fund
fi

exec node run.js "$@"
