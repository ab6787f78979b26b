"""The static site: the page's files around a bundle, each with a compressed copy, and the list by which it is kept offline."""

import gzip
import hashlib
import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import click

from mpox_keras.inference.classifier import load_classifier
from mpox_keras.inference.metadata import (
    CHECKSUMS_FILE,
    METADATA_FILE,
    MODEL_PLACES,
    format_checksums,
    read_checksums,
    read_metadata,
)
from mpox_keras.utils.errors import MpoxKerasError
from mpox_keras.utils.files import PRESETS_FOLDER, replacing_folder
from mpox_keras.utils.stderr import silenced_stderr

POLICY = "; ".join(
    [
        "default-src 'none'",
        # Blobs, because TF.js starts the threads of WebAssembly from them.
        "script-src 'self' blob: 'wasm-unsafe-eval'",
        "worker-src 'self' blob:",
        "connect-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob:",
        "media-src 'self' blob:",
        "manifest-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
    ]
)
"""Content-Security-Policy of every page and worker: nothing is asked of, or sent to, any other place."""

HEADERS = {
    "Content-Security-Policy": f"{POLICY}; frame-ancestors 'none'",
    # Both are needed for the threads of WebAssembly.
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    # Asked again each time, so that no two versions mix; what has not changed is not sent again.
    "Cache-Control": "no-cache",
}
"""What a server should send with every file of the site."""

_APP = Path(__file__).parent / "app"
_MARK = "version.js"
_COMPRESSED = {".html", ".css", ".js", ".json", ".webmanifest", ".svg", ".wasm", ".bin", ".tflite", ".md", ".txt"}
_TFLITE = MODEL_PLACES["tflite"]


class SiteError(MpoxKerasError, ValueError):
    """A site that was asked for can't be written; the message says why."""


def build_site(source: str | os.PathLike, out: str | os.PathLike, classes: Sequence[str] | None = None) -> str:
    """Write the web app as a static site that any host can serve, over https, at any path.

    Every file that gains by it has a copy compressed by gzip beside it (`.gz`). `_headers` holds `HEADERS` as some hosts read
    them; without them the page works too, but its workers are bound by no policy before the service worker has started.

    Args:
        source: a bundle for TF.js; any other trained network, as `load_classifier` takes it, is exported first. A TFLite file
            in its folder, as presets have one, goes with the site, for LiteRT.
        out: folder of the site; a site that is there already is replaced once the new one is whole.
        classes: as `load_classifier` takes them.

    Returns:
        The site's version: a hash over all of its files, the bundle's among them.

    Raises:
        ClassifierError, ExportError: the network is missing or damaged, or a bundle that is not for TF.js.
        SiteError: `out` holds something else.

    Example:
        >>> export_bundle("fast_mpoxnet", "mpox-tfjs", "tfjs", "uint16")
        >>> build_site("mpox-tfjs", "site")
    """
    out = Path(out)
    if out.exists() and any(out.iterdir() if out.is_dir() else [out]) and not (out / _MARK).is_file():
        raise SiteError(f"{out} exists and is no site. Give a new folder.")
    contents = {path.relative_to(_APP).as_posix(): path.read_bytes() for path in _APP.rglob("*") if path.is_file()}
    contents["index.html"] = contents["index.html"].replace(b"{{POLICY}}", POLICY.encode())
    contents |= {f"bundle/{name}": content for name, content in _bundle_files(source, classes).items()}
    # LiteRT and its file are some megabytes, which the page loads once it has answered.
    later = {name for name in contents if name.startswith("vendor/litert")} | {f"bundle/{_TFLITE}"}
    if f"bundle/{_TFLITE}" not in contents:
        contents = {name: content for name, content in contents.items() if name not in later}
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in sorted(contents.items())}
    version = hashlib.sha256(json.dumps(hashes).encode()).hexdigest()[:16]
    # What the service worker does not keep: itself, and the list.
    listed = {"./" if name == "index.html" else name: value for name, value in hashes.items() if name != "service-worker.js"}
    kept_later = {name: listed.pop(name) for name in sorted(later.intersection(listed))}
    site = {"version": version, "files": listed, "later": kept_later}
    contents[_MARK] = f"self.SITE = {json.dumps(site, indent=1)};\n".encode()
    contents["_headers"] = "".join(["/*\n", *(f"  {name}: {value}\n" for name, value in HEADERS.items())]).encode()
    with replacing_folder(out) as temporary:
        for name, content in contents.items():
            path = temporary / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            if path.suffix in _COMPRESSED:
                # Without the time, so that equal sites have equal bytes.
                path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(content, 9, mtime=0))
    return version


def _bundle_files(source, classes):
    """Name -> content of the files of a bundle for TF.js that the page needs, with their own list of checksums."""
    folder, trained = Path(source), None
    if not (folder / METADATA_FILE).is_file() or read_metadata(folder)["format"] != "tfjs":
        trained = load_classifier(source, classes)
    with tempfile.TemporaryDirectory() as scratch:
        if trained:
            with silenced_stderr():
                from mpox_keras.export.bundle import export_bundle
            folder = Path(scratch) / "bundle"
            click.echo("exporting the network for the browser takes some seconds", err=True)
            export_bundle(trained, folder, "tfjs", "uint16")
        checksums = {name: value for name, value in read_checksums(folder).items() if name != "example.html"}
        contents = {name: (folder / name).read_bytes() for name in checksums}
    shipped = [each / _TFLITE for each in (PRESETS_FOLDER / source, Path(source)) if (each / _TFLITE).is_file()]
    if trained and shipped:
        contents[_TFLITE], checksums[_TFLITE] = shipped[0].read_bytes(), trained.checksums[_TFLITE]
    return contents | {CHECKSUMS_FILE: format_checksums(checksums).encode()}
