"""Size of a network."""

from __future__ import annotations

from pathlib import Path

import click

from mpox_keras.cli.options import json_option, print_results, set_option, start_tensorflow


@click.command()
@click.option("--config", "config_path", type=click.Path(path_type=Path), help="A YAML file; by default Fast-MpoxNet.")
@set_option
@json_option
def summary(config_path, overrides, as_json):
    """Show the parameters and multiply-adds of a network's deployed form, part by part."""
    from mpox_keras.config import load_config, parse_config

    config = load_config(config_path, overrides) if config_path else parse_config({}, overrides)
    start_tensorflow()
    from mpox_keras.models.build import build_model
    from mpox_keras.models.complexity import format_complexity, measure_complexity
    from mpox_keras.models.deploy import deploy

    untrained = build_model(config.model.model_copy(update={"weights": None}), len(config.data.classes))
    print_results(measure_complexity(deploy(untrained)), as_json, format_complexity)
