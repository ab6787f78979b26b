"""Refresh the copies of TF.js and LiteRT.js in mpox_keras/web/app/vendor from the npm registry.

    python tools/vendor_engines.py

Needs npm, which checks what it downloads. The files stay as they were published; vendor.json names their packages and holds
their hashes, which a test compares.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from mpox_keras.inference.metadata import file_sha256
from mpox_keras.utils.files import replacing_folder

ROOT = Path(__file__).parent.parent
VENDOR = ROOT / "mpox_keras" / "web" / "app" / "vendor"
# Browsers without WebAssembly SIMD (before 2021 to 2023) lack more that the page needs, so the plain module is left out.
# Of LiteRT.js, the module that every browser can run: the one for relaxed SIMD, which not all have, is faster by a tenth.
FILES = {
    ("@tensorflow/tfjs-core", "4.22.0"): ["dist/tf-core.es2017.min.js"],
    ("@tensorflow/tfjs-converter", "4.22.0"): ["dist/tf-converter.es2017.min.js"],
    ("@tensorflow/tfjs-backend-wasm", "4.22.0"): [
        "dist/tf-backend-wasm.es2017.min.js",
        "wasm-out/tfjs-backend-wasm-simd.wasm",
        "wasm-out/tfjs-backend-wasm-threaded-simd.wasm",
    ],
    ("@tensorflow/tfjs-backend-webgl", "4.22.0"): ["dist/tf-backend-webgl.es2017.min.js"],
    ("@tensorflow/tfjs-backend-webgpu", "4.22.0"): ["dist/tf-backend-webgpu.es2017.min.js"],
    ("@litertjs/core", "2.5.3"): ["wasm/litert_wasm_compat_internal.js", "wasm/litert_wasm_compat_internal.wasm"],
}


def main():
    """Download the packages and replace the folder."""
    entries = []
    with replacing_folder(VENDOR) as folder:
        for (package, version), names in FILES.items():
            with tempfile.TemporaryDirectory() as scratch:
                command = ["npm", "pack", "--json", f"{package}@{version}", "--pack-destination", scratch]
                packed = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)[0]
                with tarfile.open(next(Path(scratch).glob("*.tgz"))) as archive:
                    archive.extractall(scratch, filter="data")
                for name in names:
                    copy = folder / Path(name).name
                    shutil.copyfile(Path(scratch) / "package" / name, copy)
                    entries.append(
                        {
                            "file": copy.name,
                            "sha256": file_sha256(copy),
                            "package": package,
                            "version": version,
                            "path": name,
                            "integrity": packed["integrity"],
                        }
                    )
        # The packages name Apache-2.0 and hold no copy of it.
        shutil.copyfile(ROOT / "LICENSE", folder / "LICENSE")
        text = json.dumps({"licence": "Apache-2.0", "copyright": "Google LLC", "files": entries}, indent=2)
        (folder / "vendor.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
