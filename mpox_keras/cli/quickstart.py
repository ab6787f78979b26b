"""The whole way once through."""

import click

from mpox_keras.cli.options import PATH, check_there, open_in_browser, out_option, show_progress, start_tensorflow


@click.command()
@click.option("--data", type=PATH, callback=check_there, help="A folder of class folders; without it, drawn pictures.")
@out_option("runs/quickstart")
@click.option("--open/--no-open", "open_report", default=True, help="Open the report in the browser.")
def quickstart(data, out, open_report):
    """Build a dataset, train for a minute, evaluate, predict and show a report.

    Without --data it works on synthetic pictures, which it draws itself.
    """
    start_tensorflow()
    from mpox_keras.training.quickstart import run_quickstart

    report = run_quickstart(data, out, progress=show_progress)
    click.echo(f"report: {report}")
    if open_report:
        open_in_browser(report.resolve().as_uri())
