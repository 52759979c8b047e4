"""`atomizer test-connection --exchange X`: whether one exchange works from here."""

import sys

import click

from atomizer.cli.common import HELP, exchange_options, settings_of


@click.command(context_settings=HELP)
@exchange_options
@click.option("--json", "as_json", is_flag=True, help="The steps as JSON.")
def command(*, exchange: str | None, paper: bool, test: bool | None, as_json: bool) -> None:
    """Check DNS, TLS, clock, public and private reads, a subscription and latency, one step at a time.

    Sends no order and logs in on no socket, so it is safe beside a running trader. Exit code 0 when every step that
    could be tried succeeded, else that of the first that did not.
    """
    from atomizer.app import one_shot
    from atomizer.app.checks import check
    from atomizer.cli.step_view import render_steps

    settings = settings_of(exchange, paper=paper, test=test)
    name = settings.exchange.name
    steps = one_shot.run(settings, lambda endpoints: check(name, settings, endpoints, full=False))
    print(render_steps("json" if as_json else "table", [(name, steps.taken)]), end="")
    sys.exit(steps.exit_code)
