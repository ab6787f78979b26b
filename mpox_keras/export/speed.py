"""How large networks are as TFLite models, and how fast."""

import time
from collections.abc import Mapping

import keras
import numpy as np

from mpox_keras.export.tflite import convert_to_tflite
from mpox_keras.inference.runtimes import LiteRT

ROUNDS = 20
CALLS = 10  # of each network, in a round


def measure_speed(models: Mapping[str, keras.Model]) -> dict[str, dict[str, float]]:
    """Size and time of networks as TFLite models in float32, one photo at a time on one thread.

    The networks, in the training form, take turns, so that a busy moment of the machine falls on all of them. Ratios hold
    better than times.

    Returns:
        For each name `tflite_bytes` and `milliseconds`, the median over rounds of the mean over calls.

    Example:
        >>> measure_speed({"ours": FastMpoxNet()})["ours"]["milliseconds"]
    """
    contents = {name: convert_to_tflite(model) for name, model in models.items()}
    runtimes = {name: LiteRT(content) for name, content in contents.items()}
    photos = {name: np.zeros((1, *models[name].inputs[0].shape[1:]), "float32") for name in models}
    times = {name: [] for name in models}
    for round_number in range(ROUNDS + 1):
        for name, run in runtimes.items():
            started = time.perf_counter()
            for _ in range(CALLS):
                run(photos[name])
            if round_number:  # the first warms up
                times[name].append(1000 * (time.perf_counter() - started) / CALLS)
    return {name: {"tflite_bytes": len(contents[name]), "milliseconds": float(np.median(times[name]))} for name in models}
