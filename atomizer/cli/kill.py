"""`atomizer kill`: stop everything for an account, prove that nothing rests, and keep it stopped until `--clear`."""

import os
import sys
from pathlib import Path

import click

EXIT_NOT_RUNNING = 3


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--exchange", metavar="NAME", help="Which venue: derive or sim.")
@click.option("--paper", is_flag=True, help="The practice venues, same as --exchange sim.")
@click.option("--test", is_flag=True, default=None, help="The test network.")
@click.option("--reason", default="", help="Why, for whoever finds the latch.")
@click.option("--all", "everything", is_flag=True, help="Cancel orders of others on the same account, too.")
@click.option("--clear", "is_clear", is_flag=True, help="Take the latch off, so that trading may start again.")
@click.option("--config", "file", type=click.Path(path_type=Path, exists=True), help="Another file than config.yaml.")
def command(
    *,
    exchange: str | None,
    paper: bool,
    test: bool | None,
    reason: str,
    everything: bool,
    is_clear: bool,
    file: Path | None,
) -> None:
    """Shut the gate, cancel own orders and verify at the venue that they are gone, also when the trader hangs.

    Exit code 0: a trader was running and nothing of ours rests. 3: no trader was running; the latch is set and nothing
    rests. 9: it could not be proven that nothing rests. Quotes at Rysk cannot be taken back: each ends by its own time.
    """
    import asyncio

    from atomizer.app.kill import clear, find_target, kill
    from atomizer.cli.common import exchange_of
    from atomizer.config.load import default_file, load

    flags = {"exchange.name": exchange_of(paper=paper, exchange=exchange), "exchange.test_mode": test}
    settings = load(flags, os.environ, file or default_file()).settings
    target = find_target(settings)
    if target is None:
        print("nothing was traded here yet, so there is nothing to kill")
        sys.exit(EXIT_NOT_RUNNING)
    if is_clear:
        cause = clear(target)
        print(f"kill latch cleared, it was set: {cause}" if cause else "the kill latch was not set")
        return
    cause = f"atomizer kill{': ' if reason else ''}{reason}"
    if not asyncio.run(kill(settings, target, cause, everything=everything, say=print)):
        sys.exit(EXIT_NOT_RUNNING)
