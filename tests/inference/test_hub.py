"""Networks by hf://owner/name, from a server on this machine that answers as the Hugging Face Hub does."""

import contextlib
import hashlib
import http.server
import json
import os
import subprocess
import sys
import threading

import pytest
from PIL import Image

pytest.importorskip("huggingface_hub", reason="the Hub needs huggingface_hub (extra `hub`)")


@contextlib.contextmanager
def serving(repositories):
    """Repositories by name, each a folder; gives the address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            parts = self.path.partition("?")[0].strip("/").split("/")
            of_api = parts[:2] == ["api", "models"]
            name = "/".join(parts[2:4] if of_api else parts[:2])
            if name not in repositories:
                return self.send(404, b"{}", {"X-Error-Code": "RepoNotFound"})
            folder = repositories[name]
            files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
            if not of_api:
                content = (folder / "/".join(parts[4:])).read_bytes()
                return self.send(200, content, {"ETag": f'"{hashlib.sha256(content).hexdigest()}"'})
            if "tree" in parts:
                sizes = {file: (folder / file).stat().st_size for file in files}
                listed = [{"type": "file", "path": file, "size": size, "oid": "1" * 40} for file, size in sizes.items()]
                return self.send(200, json.dumps(listed).encode())
            siblings = [{"rfilename": file} for file in files]
            described = {"_id": "1", "id": name, "modelId": name, "sha": "0" * 40, "siblings": siblings, "private": False}
            return self.send(200, json.dumps(described | {"tags": [], "downloads": 0, "likes": 0}).encode())

        do_HEAD = do_GET

        def send(self, status, content, headers=()):
            self.send_response(status)
            for key, value in {"X-Repo-Commit": "0" * 40, "Content-Length": str(len(content)), **dict(headers)}.items():
                self.send_header(key, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content)

        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def predict(tmp_path):
    """Runs the command in a process of its own, because the Hub's address is read once."""
    Image.new("RGB", (32, 32), "peru").save(tmp_path / "photo.png")

    def run(address, source, code="from mpox_keras.cli import main; main()"):
        environment = os.environ | {"HF_ENDPOINT": address, "HF_HOME": str(tmp_path / "home"), "HF_HUB_DISABLE_XET": "1"}
        command = [sys.executable, "-c", code, "predict", str(tmp_path / "photo.png"), "--model", source, "--json"]
        return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120)

    return run


@pytest.mark.slow
def test_a_bundle_comes_from_the_hub_and_is_checked(exported, predict, tmp_path):
    damaged, empty = tmp_path / "damaged", tmp_path / "empty"
    for folder in (damaged, empty):
        folder.mkdir()
    for path in exported("tflite").iterdir():
        (damaged / path.name).write_bytes(path.read_bytes())
    (damaged / "labels.txt").write_text("acne\n")
    (empty / "README.md").write_text("nothing")
    with serving({"clinic/skin": exported("tflite"), "clinic/damaged": damaged, "clinic/empty": empty}) as address:
        result = predict(address, "hf://clinic/skin")
        assert result.returncode == 0, result.stderr
        assert list(json.loads(result.stdout)["probabilities"]) == ["mpox", "chickenpox", "measles", "normal"]
        for source, message in (
            ("hf://clinic/damaged", "labels.txt is not the file that SHA256SUMS lists"),
            ("hf://clinic/empty", "hf://clinic/empty holds no metadata.json, so it is no bundle"),
            ("hf://clinic/none", "the Hugging Face Hub has no repository 'clinic/none'"),
            ("hf://../x", "the Hugging Face Hub has no repository '../x'"),
        ):
            result = predict(address, source)
            assert (result.returncode, result.stdout) == (2, "")
            assert f"error: {message}" in result.stderr.replace(str(tmp_path), "") or message in result.stderr


@pytest.mark.slow
def test_without_the_extra_or_a_network_it_says_what_to_do(predict):
    result = predict("http://127.0.0.1:9", "hf://clinic/skin")
    assert result.returncode == 2
    assert "error: hf://clinic/skin can't be downloaded" in result.stderr
    assert "Traceback" not in result.stderr
    without = "import sys; sys.modules['huggingface_hub'] = None; from mpox_keras.cli import main; main()"
    result = predict("http://127.0.0.1:9", "hf://clinic/skin", without)
    assert result.returncode == 2
    assert 'pip install "mpox-keras[hub]"' in result.stderr
