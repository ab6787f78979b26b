"""The web app."""

import contextlib
import tempfile
from pathlib import Path

import click

from mpox_keras.cli.options import PATH, model_option, open_in_browser


@click.command()
@model_option
@click.option("--out", type=PATH, help="Write the site into this folder, for any host; serve nothing.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option("--port", default=8000, show_default=True, help="Port to listen at.")
@click.option("--open/--no-open", "open_page", default=True, help="Open the page in the browser.")
def web(source, classes, out, host, port, open_page):
    """Screen photos in the browser; they stay on the device. Works offline after the first visit.

    A bundle for TF.js is used as it is; any other network is exported first, which takes some seconds.
    """
    from mpox_keras.web.server import make_server
    from mpox_keras.web.site import build_site

    with tempfile.TemporaryDirectory() as scratch:
        version = build_site(source, out or Path(scratch) / "site", classes)
        if out:
            click.echo(f"site: {out} (version {version})")
            return
        server = make_server(Path(scratch) / "site", host, port)
    address = f"http://{host}:{server.server_port}/"
    click.echo(f"{address} (version {version}); Ctrl-C stops")
    if open_page:
        open_in_browser(address)
    with server, contextlib.suppress(KeyboardInterrupt):
        server.serve_forever()
