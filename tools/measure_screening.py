"""Measure how fast `mpox-keras screen` is beside decoding alone, and what memory it takes.

    python tools/measure_screening.py --photos 10000 --many 100000 --out configs/results/screening.json

Photos are drawn, of about a megapixel, and linked until there are enough, so that all are read from memory. "Decoding alone"
reads, decodes and resizes them with as many processes, whose start is not timed; that of `screen` is. The two take turns, so
that a machine whose speed drifts hurts both alike. Two idle cores need some two minutes by default, and about half an hour for
the numbers above.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
import numpy as np
import psutil
from PIL import Image

from mpox_keras.data.decode import decode_photo, resize_photo
from mpox_keras.data.folder import walk_photos
from mpox_keras.data.loading import map_in_order
from mpox_keras.data.synthetic import draw_scene
from mpox_keras.inference.classifier import DEFAULT_PRESET
from mpox_keras.inference.metadata import read_metadata
from mpox_keras.screening.run import SHARD_SIZE
from mpox_keras.utils.files import PRESETS_FOLDER, replacing

_DRAWN, _WIDTH, _HEIGHT, _QUALITY = 50, 1152, 864, 90
_SIZE = read_metadata(PRESETS_FOLDER / DEFAULT_PRESET)["image_size"]
_SECONDS_BETWEEN_SAMPLES = 0.1


def write_photos(folder: Path, count: int) -> Path:
    """Fill a folder with so many photos, a thousand in each of its folders, of which only `_DRAWN` differ."""
    random = np.random.default_rng(0)
    drawn = folder.parent / "drawn"
    drawn.mkdir(exist_ok=True)
    for number in range(_DRAWN):
        if (drawn / f"{number}.jpg").exists():
            continue
        scene = draw_scene(("mpox", "measles", "normal")[number % 3], random).resize(
            (_WIDTH, _HEIGHT), Image.Resampling.BICUBIC
        )
        noise = random.normal(0, 4, (_HEIGHT, _WIDTH, 3))  # of a camera; without it files are a third as large
        Image.fromarray(np.clip(np.asarray(scene) + noise, 0, 255).astype("uint8")).save(
            drawn / f"{number}.jpg", quality=_QUALITY
        )
    for number in range(count):
        path = folder / f"{number // 1000:04d}" / f"{number:07d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        os.link(drawn / f"{number % _DRAWN}.jpg", path)
    return folder


def decode(files: list[Path]) -> int:
    """Read, decode and resize photos as `Classifier.predict` does."""
    return sum(1 for _ in map_in_order(lambda file: resize_photo(decode_photo(file), _SIZE), files))


def decoding_rate(folder: Path, workers: int) -> float:
    """Photos per second of decoding alone."""
    files = list(walk_photos(folder))
    shards = [files[start : start + SHARD_SIZE] for start in range(0, len(files), SHARD_SIZE)]
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        pool.map(decode, [files[:8]] * workers, chunksize=1)
        started = time.perf_counter()
        assert sum(pool.imap_unordered(decode, shards)) == len(files)
        return len(files) / (time.perf_counter() - started)


def screen(folder: Path, bundle: Path, workers: int) -> dict:
    """Photos per second of the command from its start to its end, and the largest memory of its processes."""
    with tempfile.TemporaryDirectory() as out:
        command = [
            sys.executable,
            "-m",
            "mpox_keras",
            "screen",
            str(folder),
            "--model",
            str(bundle),
            "--out",
            out,
            "--json",
        ]
        started = time.perf_counter()
        process = subprocess.Popen(
            [*command, "--workers", str(workers)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        parent, peaks = psutil.Process(process.pid), {}
        while process.poll() is None:
            for member in (parent, *_children(parent)):
                try:
                    peaks[member.pid] = max(peaks.get(member.pid, 0), member.memory_info().rss)
                except psutil.NoSuchProcess:
                    continue
            time.sleep(_SECONDS_BETWEEN_SAMPLES)
        seconds = time.perf_counter() - started
        summary = json.loads(process.stdout.read())
    assert summary["unreadable"] == 0
    parent_peak = peaks.pop(parent.pid)
    return {
        "photos": summary["photos"],
        "photos_per_second": round(summary["photos"] / seconds, 1),
        "parent_peak_mb": round(parent_peak / 1e6),
        "worker_peak_mb": round(max(peaks.values(), default=parent_peak) / 1e6),
    }


def _children(process):
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


@click.command()
@click.option("--photos", default=1000, show_default=True, help="Photos to measure the speed with.")
@click.option("--few", default=1000, show_default=True, help="Photos to measure the memory with.")
@click.option("--many", default=3000, show_default=True, help="And again with so many.")
@click.option("--rounds", default=1, show_default=True, help="Speeds are the medians of so many turns.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="JSON file to write.")
def main(photos, few, many, rounds, out):
    """Measure and write the figures."""
    results = {"photos": photos, "pixels": _WIDTH * _HEIGHT, "speed": [], "memory": []}
    with tempfile.TemporaryDirectory() as scratch:
        scratch = Path(scratch)
        bundle = scratch / "bundle"
        command = [sys.executable, "-m", "mpox_keras", "export", "--out", str(bundle)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        folder = write_photos(scratch / "photos", photos)
        results["file_kb"] = round(statistics.mean(path.stat().st_size for path in (scratch / "drawn").iterdir()) / 1e3)
        for workers in (1, 2):
            turns = [(decoding_rate(folder, workers), screen(folder, bundle, workers)) for _ in range(rounds)]
            decoding = statistics.median(rate for rate, _ in turns)
            screening = statistics.median(figures["photos_per_second"] for _, figures in turns)
            share = statistics.median(figures["photos_per_second"] / rate for rate, figures in turns)
            results["speed"].append(
                {
                    "workers": workers,
                    "screening_photos_per_second": screening,
                    "decoding_photos_per_second": round(decoding, 1),
                    "share": round(share, 3),
                }
            )
            click.echo(f"{workers} workers: {screening:.1f} photos/s, {decoding:.1f} decoded alone, share {share:.1%}")
        for count in (few, many):
            results["memory"].append(screen(write_photos(scratch / f"photos_{count}", count), bundle, workers=2))
            click.echo(f"memory: {results['memory'][-1]}")
    results["cores"], results["machine"], results["python"] = os.cpu_count(), platform.machine(), platform.python_version()
    with replacing(out) as temporary:
        temporary.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
