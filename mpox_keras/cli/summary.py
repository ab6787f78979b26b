"""Size of a network."""

from __future__ import annotations

import json
from pathlib import Path

import click

from mpox_keras.cli.options import set_option, start_tensorflow


@click.command()
@click.option("--config", "config_path", type=click.Path(path_type=Path), help="A YAML file; by default Fast-MpoxNet.")
@set_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def summary(config_path, overrides, as_json):
    """Show the parameters and multiply-adds of a network's deployed form, part by part."""
    from mpox_keras.config import load_config, parse_config

    config = load_config(config_path, overrides) if config_path else parse_config({}, overrides)
    start_tensorflow()
    from mpox_keras.models.build import build_model
    from mpox_keras.models.complexity import format_complexity, measure_complexity
    from mpox_keras.models.fast_mpoxnet import deploy

    untrained = config.model.model_copy(update={"weights": None})
    complexity = measure_complexity(deploy(build_model(untrained, len(config.data.classes))))
    click.echo(json.dumps(complexity, indent=2) if as_json else format_complexity(complexity))
