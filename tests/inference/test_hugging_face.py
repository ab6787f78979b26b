"""Networks from Hugging Face, whose place a server of this machine takes."""

import http.server
import json
import os
import subprocess
import sys
import threading

import numpy as np
import pytest
from PIL import Image

from mpox_keras import load_classifier

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photo.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 40, 3), "uint8")).save(path)
    return path


@pytest.fixture
def hugging_face(exported):
    """What answers as the hub does for one repository, that holds a bundle."""
    bundle = exported("tflite")
    names = [path.relative_to(bundle).as_posix() for path in sorted(bundle.rglob("*")) if path.is_file()]

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            content, told = None, None
            if self.path == "/api/models/clinic/mpox/revision/main":
                told = {"id": "clinic/mpox", "sha": COMMIT, "siblings": [{"rfilename": name} for name in names]}
            elif self.path.startswith(f"/api/models/clinic/mpox/tree/{COMMIT}"):
                told = [
                    {"type": "file", "path": name, "size": (bundle / name).stat().st_size, "oid": str(number)}
                    for number, name in enumerate(names)
                ]
            elif self.path.startswith(prefix := f"/clinic/mpox/resolve/{COMMIT}/"):
                content = (bundle / self.path.removeprefix(prefix)).read_bytes()
            if told:
                content = json.dumps(told).encode()
            self.send_response(404 if content is None else 200)
            if content is None:
                self.send_header("X-Error-Code", "RepoNotFound")
            else:
                self.send_header("ETag", f'"{len(content)}"')
                self.send_header("X-Repo-Commit", COMMIT)
                self.send_header("Content-Type", "application/json" if told else "application/octet-stream")
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content or b"")

        do_HEAD = do_GET

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def predict(source, photo, endpoint, home):
    command = [sys.executable, "-m", "mpox_keras", "predict", "--model", source, "--json", photo]
    environment = {**os.environ, "HF_ENDPOINT": endpoint, "HF_HOME": str(home)}
    return subprocess.run(command, env=environment, capture_output=True, text=True)


def test_a_bundle_of_hugging_face_answers(hugging_face, exported, photo, tmp_path):
    found = predict("hf://clinic/mpox", photo, hugging_face, tmp_path)
    assert found.returncode == 0, found.stderr
    assert json.loads(found.stdout)["probabilities"] == load_classifier(exported("tflite")).predict(photo).probabilities


@pytest.mark.parametrize(
    ("source", "message"),
    [("hf://clinic/none", "hf://clinic/none cannot be downloaded"), ("hf://a/b/c", "Expected hf://OWNER/NAME")],
)
def test_what_is_not_there_is_told_in_one_line(hugging_face, photo, tmp_path, source, message):
    found = predict(source, photo, hugging_face, tmp_path)
    assert found.returncode == 2
    assert message in found.stderr
    assert "Traceback" not in found.stderr
