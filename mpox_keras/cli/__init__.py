"""The command line: each command parses, calls one function and prints."""

import logging
import os
import signal
import warnings

import click

from mpox_keras._version import __version__
from mpox_keras.cli.data import data
from mpox_keras.cli.evaluate import evaluate, evaluate_external
from mpox_keras.cli.explain import check_explanations, explain
from mpox_keras.cli.export import export, verify
from mpox_keras.cli.fit import crossval, fit, quickstart
from mpox_keras.cli.networks import presets, select, summary
from mpox_keras.cli.predict import predict, screen
from mpox_keras.cli.reader_study import agreement, review
from mpox_keras.cli.web import web
from mpox_keras.utils.errors import MpoxKerasError


class _Commands(click.Group):
    """Shows the errors meant for the user as one message, with exit code 2."""

    def invoke(self, context):
        # As Ctrl-C does, so that workers end too, and what is half done is cleared away.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            return super().invoke(context)
        except MpoxKerasError as error:
            click.echo(f"error: {error}", err=True)
        except BrokenPipeError:  # the reader of a pipe has enough; click ends quietly
            raise
        except OSError as error:
            click.echo(f"error: {error.filename or 'a file'}: {error.strerror or error}", err=True)
        except ModuleNotFoundError as error:  # installed without its dependencies, for TFLite bundles alone
            click.echo(f"error: this needs the package {error.name}: pip install mpox-keras", err=True)
        except KeyboardInterrupt:
            click.echo("interrupted; the same command goes on where this one stopped", err=True)
            context.exit(130)
        context.exit(2)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__)
def main():
    """Train, evaluate and use ultralight networks that tell mpox from other rashes in photos.

    For research; nothing here is a diagnosis.
    """
    # Of a photo that can't be read the command says so itself; damage that does no harm is not the user's business.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    # TensorFlow's lines are for programmers: it reports its CPU, and warns with every fold of graphs built again.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.getLogger("tensorflow").setLevel("ERROR")


for command in (
    *(fit, crossval, select, evaluate, evaluate_external, check_explanations, agreement),
    *(predict, screen, explain, review, export, verify, web),
    *(presets, summary, data, quickstart),
):
    main.add_command(command)
