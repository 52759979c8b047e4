"""The command line: parse, call app or desk, render. Each command is a module, imported when it is asked for."""

import importlib
import sys

import click

from atomizer.errors import AtomizerError
from atomizer.version import VERSION

# name → (module, what `atomizer --help` says). The module has a click command named `command`.
COMMANDS = {
    "rfq-responder": ("atomizer.cli.rfq_responder", "Answer RFQs and hedge what is won."),
    "market-maker": ("atomizer.cli.market_maker", "Quote both sides of options without pause."),
    "inventory": ("atomizer.cli.inventory", "Positions, marks, Greeks and P&L."),
    "reports": ("atomizer.cli.reports", "P&L by day, instrument, strategy, venue and cause."),
    "markets": ("atomizer.cli.markets", "Instruments of a venue, with prices."),
    "manual-order": ("atomizer.cli.manual_order", "Place one order and say what became of it."),
    "test-order": ("atomizer.cli.test_order", "Whether an order would work, step by step."),
    "test-connection": ("atomizer.cli.test_connection", "Whether one exchange works from here."),
    "test-exchange": ("atomizer.cli.test_exchange", "Whether exchanges work from here, one or all."),
    "orders": ("atomizer.cli.orders", "What rests at the venue on our account."),
    "kill": ("atomizer.cli.kill", "Stop everything, cancel own orders, and keep it stopped."),
    "completion": ("atomizer.cli.completion", "A script that completes commands and flags in a shell."),
    "journal": ("atomizer.cli.journal", "Show, verify or export a journal."),
    "config": ("atomizer.cli.config", "Show or check the configuration."),
    "sim": ("atomizer.cli.sim", "The practice venues by themselves."),
}


class Commands(click.Group):
    """Lists commands without importing them, so that --help is quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*COMMANDS, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in COMMANDS:
            found: click.Command = importlib.import_module(COMMANDS[cmd_name][0]).command
            return found
        return super().get_command(ctx, cmd_name)

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        own = [(name, command.get_short_help_str()) for name, command in sorted(self.commands.items())]
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()] + own)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
def atomizer() -> None:
    """Options trading for Derive, Deribit and Rysk.

    Exit codes: 0 ok, 1 error, 2 usage, 3 not running, 4 configuration, 5 timeout, 6 venue refused, 7 risk refused,
    8 unhealthy, 9 orders may still be live.
    """


@atomizer.command()
def version() -> None:
    """Print the version."""
    print(VERSION)


def main() -> None:
    """The `atomizer` command. Errors of ours are one line on stderr and an exit code, never a trace."""
    try:
        atomizer()
    except AtomizerError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
