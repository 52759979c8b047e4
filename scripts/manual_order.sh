#!/bin/sh
# Place one order. What flags leave out comes from ORDER_INSTRUMENT, ORDER_SIDE, ORDER_PRICE and ORDER_AMOUNT.
set -eu
PATH="$(dirname "$0")/../.venv/bin:$PATH"
exec atomizer manual-order "$@"
