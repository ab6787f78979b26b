"""Hostile input: photos, metadata, bundles and networks, drawn by chance and damaged in many ways.

    python tools/fuzz.py --cases 100000

Each case is made from its number alone, so the same number gives the same bytes. Cases run in worker processes: a crash or a
hang ends a worker and is counted. Writes configs/results/fuzz.json, and every input that failed to the folder fuzz_failures.
"""

from __future__ import annotations

import collections
import contextlib
import copy
import io
import json
import multiprocessing
import os
import resource
import shutil
import struct
import tempfile
import time
import warnings
import zipfile
import zlib
from pathlib import Path

import click
import numpy as np
import PIL
import pillow_heif
from PIL import Image, features

from mpox_keras.data.decode import PhotoError, decode_photo
from mpox_keras.inference.metadata import METADATA_FILE, read_metadata, write_checksums
from mpox_keras.utils.errors import MpoxKerasError
from mpox_keras.utils.files import replacing

ROOT = Path(__file__).parent.parent
SEED = 0
SHARES = {"photo": 1, "metadata": 0.1, "bundle": 0.01, "classifier": 0.001}
"""Target -> cases, as a share of those of photos."""

HANG_SECONDS = 60
"""A case that takes longer, by the clock, has hung. Times reported are the processor's, so that other work does not count."""

MAX_MEGABYTES = 1500
"""A case fails if its process has ever taken more: a photo of 50 million pixels may take 1,200 MB."""

_CASES_A_JOB = {"photo": 500, "metadata": 200, "bundle": 100, "classifier": 50}
_FILE_OF = {"bundle": "model.tflite", "classifier": "model.keras"}


def seeds() -> dict[str, bytes]:
    """Small drawn pictures, in every kind of file that is read."""
    pillow_heif.register_heif_opener()
    random = np.random.default_rng(SEED)
    rgb = Image.fromarray(random.integers(0, 256, (24, 20, 3), dtype=np.uint8))
    smooth = rgb.resize((64, 48), Image.Resampling.BICUBIC)
    alpha = smooth.copy()
    alpha.putalpha(smooth.convert("L"))
    grey16 = Image.fromarray(random.integers(0, 65536, (24, 20), dtype=np.uint16))
    palette = smooth.quantize(16)
    exif = Image.Exif()
    exif.update({0x0112: 6, 0x010F: "maker", 0x011A: 72.0, 0x8298: "someone"})
    exif.get_ifd(0x8769)[0x9003] = "2024:01:01 00:00:00"
    frames = {"save_all": True, "append_images": [smooth.rotate(90), smooth.rotate(180)]}
    pictures = {
        "png": (rgb, "PNG", {}),
        "png 16 bit": (grey16, "PNG", {}),
        "png palette": (palette, "PNG", {"transparency": 3}),
        "png alpha": (alpha, "PNG", {"exif": exif}),
        "png one bit": (smooth.convert("1"), "PNG", {}),
        "png animated": (smooth, "PNG", frames),
        "png profile": (rgb, "PNG", {"icc_profile": bytes(600), "dpi": (72, 72)}),
        "jpeg": (smooth, "JPEG", {}),
        "jpeg progressive": (smooth, "JPEG", {"progressive": True, "exif": exif, "icc_profile": bytes(600)}),
        "jpeg grey": (smooth.convert("L"), "JPEG", {"comment": "drawn"}),
        "jpeg cmyk": (smooth.convert("CMYK"), "JPEG", {"exif": exif}),
        "jpeg several": (smooth, "MPO", frames),
        "webp": (smooth, "WEBP", {"exif": exif}),
        "webp lossless": (alpha, "WEBP", {"lossless": True, "icc_profile": bytes(600)}),
        "webp animated": (smooth, "WEBP", frames),
        "avif": (smooth, "AVIF", {"exif": exif}),
        "avif alpha": (alpha, "AVIF", {}),
        "heic": (smooth, "HEIF", {"exif": exif}),
        "gif": (palette, "GIF", {"comment": b"drawn"}),
        "gif interlaced": (palette, "GIF", {"interlace": 1, "transparency": 2}),
        "gif animated": (smooth, "GIF", frames),
        "bmp": (rgb, "BMP", {}),
        "bmp palette": (palette, "BMP", {}),
        "bmp one bit": (smooth.convert("1"), "BMP", {}),
        "tiff": (rgb, "TIFF", {"exif": exif}),
        "tiff 16 bit": (grey16, "TIFF", {}),
        "tiff several": (smooth, "TIFF", frames),
        "tiff cmyk": (smooth.convert("CMYK"), "TIFF", {}),
        "tiff big": (rgb, "TIFF", {"big_tiff": True}),
    }
    for compression in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg", "group4"):
        picture = smooth.convert("1") if compression == "group4" else smooth
        pictures[f"tiff {compression}"] = (picture, "TIFF", {"compression": compression})
    return {name: _encoded(*picture) for name, picture in pictures.items()} | {
        "png interlaced": _interlaced_png(random),
        "bmp run-length": _run_length_bmp(random),
    }


def _encoded(picture, format, options):
    stream = io.BytesIO()
    # Copies, because Pillow leaves settings of one format behind that break the next.
    if "append_images" in options:
        options = options | {"append_images": [frame.copy() for frame in options["append_images"]]}
    picture.copy().save(stream, format, **options)
    return stream.getvalue()


def _interlaced_png(random):
    """Pillow reads such files but writes none."""
    passes = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
    pixels = random.integers(0, 256, (16, 16, 3), dtype=np.uint8)
    rows = b"".join(b"\0" + row.tobytes() for left, top, across, down in passes for row in pixels[top::down, left::across])
    chunks = ((b"IHDR", struct.pack(">IIBBBBB", 16, 16, 8, 2, 0, 0, 1)), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )


def _run_length_bmp(random):
    body = b"".join(bytes([16, colour]) + b"\0\0" for colour in random.integers(0, 256, 16).tolist()) + b"\0\1"
    header = struct.pack("<IiiHHIIIIII", 40, 16, 16, 1, 8, 1, len(body), 0, 0, 256, 0) + bytes(1024)
    return b"BM" + struct.pack("<IHHI", 14 + len(header) + len(body), 0, 0, 14 + len(header)) + header + body


def _flip_bits(random, data, other):
    for place in random.integers(0, len(data), random.integers(1, 8)):
        data[place] ^= 1 << random.integers(0, 8)
    return data


def _change_bytes(random, data, other):
    # Headers lie at the front, so most of the damage goes there.
    reach = int(random.choice([32, 200, len(data)]))
    for place in random.integers(0, min(reach, len(data)), random.integers(1, 6)):
        data[place] = random.choice([0, 1, 127, 128, 255, random.integers(0, 256)])
    return data


def _change_length(random, data, other):
    """A number of 2, 4 or 8 bytes becomes an extreme one, in either byte order."""
    size = int(random.choice([2, 4, 8]))
    value = int(random.choice([0, 1, 8, 255, 7000, 2**15, 2**16 - 1, 2**31 - 1, 2**32 - 1, len(data)])) % 256**size
    place = int(random.integers(0, max(1, min(len(data) - size, random.choice([64, len(data)])))))
    data[place : place + size] = value.to_bytes(size, str(random.choice(["big", "little"])))
    return data


def _cut(random, data, other):
    return data[: random.integers(0, len(data))]


def _remove(random, data, other):
    first, last = sorted(random.integers(0, len(data), 2).tolist())
    return data[:first] + data[last:]


def _repeat(random, data, other):
    first, last = sorted(random.integers(0, len(data), 2).tolist())
    return data[:last] + data[first:last] * int(random.choice([1, 2, 50])) + data[last:]


def _splice(random, data, other):
    first = int(random.integers(0, len(data)))
    return data[:first] + bytearray(other[random.integers(0, len(other)) :])


def _insert(random, data, other):
    place = int(random.integers(0, len(data)))
    return data[:place] + bytearray(random.bytes(int(random.integers(1, 400)))) + data[place:]


_CHANGES = (_flip_bits, _change_bytes, _change_length, _cut, _remove, _repeat, _splice, _insert)


def mutate(random: np.random.Generator, data: bytes, other: bytes) -> bytes:
    """Damage a file in one to three ways; `other` is what it may be spliced with."""
    damaged = bytearray(data)
    for change in random.choice(_CHANGES, random.integers(1, 4)):
        if damaged:
            damaged = change(random, damaged, other)
    return bytes(damaged)


def mend_checksums(data: bytes) -> bytes:
    """Make the check sums of a PNG's chunks right, or most damage would go no further than these."""
    result, place = bytearray(data), 8
    while data[:4] == b"\x89PNG" and place + 12 <= len(data):
        end = place + 8 + struct.unpack_from(">I", data, place)[0]
        if end + 4 > len(data):
            break
        struct.pack_into(">I", result, end, zlib.crc32(data[place + 4 : end]))
        place = end + 4
    return bytes(result)


def damaged_photo(number: int, pictures: dict[str, bytes]) -> tuple[str, bytes]:
    """Kind and content of the photo of a case."""
    random = np.random.default_rng((SEED, number))
    kind, other = random.choice(list(pictures), 2)
    data = mutate(random, pictures[kind], pictures[other])
    return str(kind), mend_checksums(data) if random.random() < 0.7 else data


# Values of every type that JSON has, and texts that mean something to file systems.
_VALUES = (None, True, 0, -1, 1, 0.5, 1e999, 10**400, float("nan"), "", "mpox", "a\0b", "../x", "..\\x", "/etc/passwd", "C:\\x")
_VALUES += ("x" * 5000, "\ud800", [], {}, ["mpox"], ["mpox", "mpox"], [[]], {"mpox": None}, {"labels.txt": "0"}, [["a", "b"]])


def damaged_metadata(number: int, text: str) -> bytes:
    """`metadata.json` with values changed, or with its bytes changed, or nested beyond measure."""
    random = np.random.default_rng((SEED, number))
    how = random.random()
    if how < 0.3:
        return mutate(random, text.encode(), b'{"classes": [1e999, "\\u0000", NaN, {"sha256": {}}]}')
    if how < 0.32:
        depth = int(random.integers(100, 200_000))
        return str(random.choice(["[", '{"classes":'])).encode() * depth
    metadata = json.loads(text)
    for _ in range(random.integers(1, 3)):
        _change_value(random, metadata)
    return json.dumps(metadata).encode("utf-8", "surrogatepass")


def _change_value(random, metadata):
    value = copy.deepcopy(_VALUES[random.integers(0, len(_VALUES))])
    key = str(random.choice(list(metadata) or ["classes"]))
    inner = metadata.get(key)
    if isinstance(inner, dict) and inner and random.random() < 0.7:
        _change_value(random, inner)
    elif isinstance(inner, list) and inner and random.random() < 0.5:
        inner[random.integers(0, len(inner))] = value
    elif random.random() < 0.2:
        metadata.pop(key, None)
    elif isinstance(value, str) and random.random() < 0.3:
        metadata[value] = metadata.pop(key, None)
    else:
        metadata[key] = value


def run_case(target: str, number: int, material: dict) -> tuple[str, str]:
    """Run a case.

    Returns:
        Kind of the input, and `accepted`, `refused` (by an error meant for the user), or what went wrong.
    """
    kind, call = _prepared(target, number, material)
    try:
        # Others may have made warnings errors: they must not get out of the function.
        with warnings.catch_warnings():
            warnings.simplefilter("error" if number % 2 else "ignore")
            result = call()
    except PhotoError as error:
        return kind, "refused" if str(error).startswith("photo 7 ") else f"message without the name: {error}"
    except MpoxKerasError:
        return kind, "refused"
    except Exception as error:
        return kind, f"{type(error).__name__}: {error}"
    if target == "photo" and (result.dtype != np.uint8 or result.ndim != 3 or result.shape[2] != 3):
        return kind, f"an array of {result.shape}, {result.dtype}"
    return kind, "accepted"


def _prepared(target, number, material):
    if target == "photo":
        kind, data = damaged_photo(number, material["pictures"])
        return kind, lambda: decode_photo(data, "photo 7")
    folder = material["folder"] / target
    if target == "metadata":
        (folder / METADATA_FILE).write_bytes(damaged_metadata(number, material[target]))
        write_checksums(folder)
        return "metadata.json", lambda: read_metadata(folder)
    return _FILE_OF[target], _model_case(target, number, material[target], folder)


def _model_case(target, number, original, folder):
    """A model changed by someone who knows how to make its hash right."""
    from mpox_keras.inference.classifier import load_classifier

    name = _FILE_OF[target]
    random = np.random.default_rng((SEED, number))
    if target == "classifier" and random.random() < 0.7:
        damaged = _with_another_config(random, original)
    elif random.random() < 0.7:
        damaged = bytes(random.choice([_flip_bits, _change_bytes, _change_length])(random, bytearray(original), b""))
    else:
        damaged = mutate(random, original, original)
    (folder / name).write_bytes(damaged)
    write_checksums(folder)
    return lambda: load_classifier(folder)


def _with_another_config(random, original):
    """A `.keras` file, which is a zip file, with values of its config changed."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(original)) as old, zipfile.ZipFile(stream, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "config.json":
                config = json.loads(content)
                _change_value(random, config["config"])
                content = json.dumps(config).encode("utf-8", "surrogatepass")
            new.writestr(name, content)
    return stream.getvalue()


def _make_material(targets, folder):
    from mpox_keras.export.bundle import export_bundle

    material = {"pictures": seeds(), "folder": folder}
    if "metadata" in targets or "bundle" in targets:
        for target in ("metadata", "bundle"):
            export_bundle("fast_mpoxnet", folder / target, "tflite")
        material["metadata"] = (folder / "metadata" / METADATA_FILE).read_text(encoding="utf-8")
        material["bundle"] = (folder / "bundle" / _FILE_OF["bundle"]).read_bytes()
    if "classifier" in targets:
        # Without its TFLite form, which would be loaded instead.
        preset = ROOT / "mpox_keras" / "models" / "presets" / "fast_mpoxnet"
        shutil.copytree(preset, folder / "classifier", ignore=shutil.ignore_patterns(_FILE_OF["bundle"]))
        material["classifier"] = (folder / "classifier" / _FILE_OF["classifier"]).read_bytes()
    return material


def _work(target, numbers, material, connection):
    """Run cases in a process of their own, and tell of each before and after."""
    material = material | {"folder": Path(tempfile.mkdtemp(dir=material["folder"]))}
    with contextlib.suppress(FileNotFoundError):
        shutil.copytree(material["folder"].parent / target, material["folder"] / target)
    with tempfile.TemporaryFile() as printed:
        os.dup2(printed.fileno(), 1)
        os.dup2(printed.fileno(), 2)
        # What is imported, and what the first call sets up, takes time and prints once.
        _prepared(target, numbers[0], material)
        connection.send((numbers[0], None))
        run_case(target, numbers[0], material)
        for number in numbers:
            connection.send((number, None))
            before, start = printed.seek(0, os.SEEK_END), time.process_time()
            kind, outcome = run_case(target, number, material)
            seconds = time.process_time() - start
            megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
            if target == "photo" and printed.seek(0, os.SEEK_END) > before:
                outcome = "printed something"
            if megabytes > MAX_MEGABYTES:
                outcome = f"{megabytes} MB"
            connection.send((number, (kind, outcome, seconds, megabytes)))
            if megabytes > MAX_MEGABYTES:
                break
    connection.close()


class Campaign:
    """Runs cases and counts what comes of them.

    Args:
        material: of `_make_material`.
        failures: folder that gets the inputs that failed.
    """

    def __init__(self, material: dict, failures: Path):
        self._material, self._failures = material, failures
        self.outcomes = collections.defaultdict(collections.Counter)
        self.slowest = collections.defaultdict(float)
        self.megabytes = collections.defaultdict(int)
        self.failed = []

    def run(self, target: str, cases: int, workers: int) -> None:
        """Run the first `cases` cases of a target."""
        size = _CASES_A_JOB[target]
        jobs = [list(range(start, min(start + size, cases))) for start in range(0, cases, size)]
        running = []
        while jobs or running:
            while jobs and len(running) < workers:
                running.append(_Job(target, jobs.pop(0), self._material))
            multiprocessing.connection.wait([job.connection for job in running], timeout=1)
            for job in list(running):
                if not self._follow(target, job):
                    running.remove(job)
                    if job.left:
                        jobs.append(job.left)

    def _follow(self, target, job):
        """Take what a job tells; whether it still runs."""
        try:
            while job.connection.poll():
                number, result = job.connection.recv()
                job.told(number, result)
                if result:
                    self._count(target, number, *result)
        except EOFError:
            job.process.join()
            if job.current is not None:
                self._count(target, job.current, "any", f"crashed, exit code {job.process.exitcode}", 0, 0)
            return False
        if time.monotonic() - job.since > HANG_SECONDS and job.current is not None:
            job.process.kill()
            job.process.join()
            self._count(target, job.current, "any", "hung", HANG_SECONDS, 0)
            return False
        return True

    def _count(self, target, number, kind, outcome, seconds, megabytes):
        group = kind.split()[0] if target == "photo" else target
        self.slowest[target] = max(self.slowest[target], seconds)
        self.megabytes[target] = max(self.megabytes[target], megabytes)
        failed = outcome not in ("accepted", "refused")
        self.outcomes[group]["failed" if failed else outcome] += 1
        if failed:
            self.failed.append({"target": target, "case": number, "kind": kind, "what": outcome[:300]})
            self._failures.mkdir(exist_ok=True)
            data = damaged_photo(number, self._material["pictures"])[1] if target == "photo" else b""
            (self._failures / f"{target}_{number}").write_bytes(data or outcome.encode())


class _Job:
    """A process that runs some cases of a target."""

    def __init__(self, target, numbers, material):
        self.left, self.current, self.since = numbers, None, time.monotonic()
        context = multiprocessing.get_context("fork" if target in ("photo", "metadata") else "spawn")
        self.connection, theirs = context.Pipe(duplex=False)
        self.process = context.Process(target=_work, args=(target, numbers, material, theirs), daemon=True)
        self.process.start()
        theirs.close()

    def told(self, number, result):
        self.since = time.monotonic()
        self.current = number if result is None else None
        self.left = [other for other in self.left if other > number]


@click.command()
@click.option("--cases", default=100_000, show_default=True, help="Damaged photos; other targets get a share of this.")
@click.option("--workers", default=os.cpu_count(), show_default=True, help="Processes.")
@click.option("--out", default=ROOT / "configs" / "results" / "fuzz.json", help="Results file.")
def main(cases, workers, out):
    """Run the campaign and write configs/results/fuzz.json."""
    click.echo(f"seed {SEED}, {cases} photos, {workers} workers")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        campaign = Campaign(_make_material(SHARES, Path(folder)), Path("fuzz_failures"))
        for target, share in SHARES.items():
            campaign.run(target, max(1, int(cases * share)), workers)
            click.echo(f"{target}: slowest {campaign.slowest[target]:.2f} s, {len(campaign.failed)} failures so far")
    results = {
        "seed": SEED,
        "photos": cases,
        "outcomes": {group: dict(counts) for group, counts in sorted(campaign.outcomes.items())},
        "slowest_seconds": {target: round(seconds, 2) for target, seconds in campaign.slowest.items()},
        "peak_megabytes": dict(campaign.megabytes),
        "failures": campaign.failed,
        "versions": _versions(),
    }
    with replacing(out) as temporary:
        temporary.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    click.echo(json.dumps(results, indent=2))
    if campaign.failed:
        raise SystemExit(f"{len(campaign.failed)} cases failed; the inputs are in fuzz_failures.")


def _versions():
    from importlib.metadata import version

    libraries = {name: features.version(name) for name in ("avif", "libjpeg_turbo", "libtiff", "webp", "zlib")}
    packages = ("pillow-heif", "numpy", "keras", "ai-edge-litert")
    return {"pillow": PIL.__version__, **libraries, **{name: version(name) for name in packages}}


if __name__ == "__main__":
    main()
