"""`atomizer completion SHELL`: what a shell needs to complete our commands and flags."""

import click
from click.shell_completion import get_completion_class

from atomizer.cli.common import HELP


@click.command(context_settings=HELP)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print a script that completes commands and flags, for example `eval "$(atomizer completion bash)"`."""
    from atomizer.cli import atomizer
    from atomizer.errors import UsageError

    kind = get_completion_class(shell)
    if kind is None:
        raise UsageError(f"no completion for {shell}")
    print(kind(atomizer, {}, "atomizer", "_ATOMIZER_COMPLETE").source())
