"""`python -m atomizer` is the `atomizer` command."""

from atomizer.cli import main

main()
