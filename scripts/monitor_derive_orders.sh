#!/bin/sh
# Open orders at Derive, again every two seconds until Ctrl-C. Only reads, also beside a running trader.
set -eu
PATH="$(dirname "$0")/../.venv/bin:$PATH"
exec atomizer orders --exchange derive --watch 2s "$@"
