#!/bin/sh
# Whether an order would work at Derive: listing, risk gate, signature, the venue's own check; with --live a real one.
set -eu
PATH="$(dirname "$0")/../.venv/bin:$PATH"
exec atomizer test-order --exchange derive "$@"
