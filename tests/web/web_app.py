"""The web app, served and used as a person uses it."""

import base64
import contextlib
import dataclasses
import hashlib
import json
import socket
import threading
from pathlib import Path

import numpy as np
import pytest

from mpox_keras.data.decode import resize_photo
from mpox_keras.inference.metadata import format_checksums, read_checksums
from mpox_keras.models.deploy import deploy
from mpox_keras.web.server import make_server

AXE = Path(__file__).parent.parent / "javascript" / "node_modules" / "axe-core" / "axe.min.js"


@contextlib.contextmanager
def serving(site, port=0, changed=()):
    """A running server of a site; its `answered` holds the status and path of every answer.

    Args:
        site: folder.
        port: 0 takes a free one.
        changed: path -> content that is served instead of the site's; None where the file is missing.
    """
    server = make_server(site, port=port)
    files = server.RequestHandlerClass.files
    for name, content in dict(changed).items():
        files.pop(f"/{name}.gz", None)
        if content is None:
            del files[f"/{name}"]
        else:
            files[f"/{name}"] = content
    server.answered = []

    def record(handler, code="-", size="-"):
        # A request that is refused early has none.
        server.answered.append((int(code), getattr(handler, "path", "")))

    server.RequestHandlerClass.log_request = record
    connections, accept = [], server.get_request

    def remember():
        connections.append(accept())
        return connections[-1]

    server.get_request = remember
    server.address = f"http://127.0.0.1:{server.server_port}/"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        # Threads go on answering on connections that a browser keeps open.
        for connection, _ in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        server.server_close()
        thread.join()


class App:
    """The page as a person uses it, in a browser profile of its own."""

    def __init__(self, chromium, address, **options):
        self.address = address
        self.context = chromium.new_context(**{"locale": "en-GB", "viewport": {"width": 1000, "height": 900}, **options})
        self.noise, self.requested = [], []
        self.context.on("request", lambda request: self.requested.append(request.url))
        self.page = self.new_page()

    def new_page(self):
        page = self.context.new_page()
        page.on("console", lambda message: self.noise.append(message.text))
        page.on("pageerror", lambda error: self.noise.append(str(error)))
        page.goto(self.address)
        page.wait_for_selector("#choose:not(:empty)")
        return page

    def ready(self):
        """Wait until the network can be used."""
        self.page.wait_for_selector("#check:not([disabled])", state="attached", timeout=60_000)
        return self

    def kept_offline(self):
        """Wait until the whole site is on the device."""
        self.page.wait_for_selector("#offline:not(:empty)", timeout=60_000)
        return self

    def tried(self):
        """Wait until every engine was tried; gives what was measured."""
        self.page.wait_for_selector("#engine[data-measured]", state="attached", timeout=120_000)
        return json.loads(self.page.locator("#engine").get_attribute("data-measured"))

    def tried_all(self):
        """Wait until LiteRT was tried too, which happens after a first answer; gives what was measured."""
        self.page.wait_for_selector("#engine[data-measured*=litert]", state="attached", timeout=120_000)
        return self.tried()

    def reset(self):
        """Back to the start, without loading the page again."""
        self.page.evaluate("for (const dialog of document.querySelectorAll('dialog[open]')) dialog.close()")
        if self.page.locator("#new-person").is_visible():
            self.page.click("#new-person")
        if self.page.locator("#another").is_visible():
            self.page.click("#another")
        self.page.select_option("#language", "en")
        self.page.wait_for_selector("html[lang=en]")
        self.noise.clear()
        self.requested.clear()
        return self

    def open(self, photo):
        """Choose a photo."""
        self.page.locator("#status").evaluate("(status) => { status.textContent = ''; }")
        self.page.set_input_files("#file", photo)
        self.page.wait_for_selector("#status:not(:empty)", state="attached")
        return self

    def check(self):
        """Have the area checked, whatever the warnings."""
        button = self.ready().page.locator("#check")
        button.click()
        self.ready()
        if self.page.locator("#warnings").is_visible():
            button.click()
            self.ready()
        self.page.wait_for_selector("#result:not([hidden])")
        return self

    def data(self):
        """What is saved of the result."""
        with self.page.expect_download() as download:
            self.page.click("#save-data")
        return json.loads(Path(download.value.path()).read_text())

    def violations(self):
        """What axe finds on the page as it is."""
        if not AXE.is_file():
            pytest.skip("needs axe-core: npm ci --prefix tests/javascript")
        self.page.evaluate(AXE.read_text(encoding="utf-8"))
        return self.page.evaluate(
            "async () => (await axe.run(document)).violations.map((v) => [v.id, v.nodes.map((n) => n.html)])"
        )

    def message(self):
        """The error that is shown."""
        self.page.wait_for_selector("#message:not([hidden])", timeout=60_000)
        return self.page.locator("#message").inner_text()


def resealed(site, **changes):
    """Files of a site whose bundle is another one, and whole: what `serving` takes as `changed`.

    Args:
        site: folder.
        changes: "metadata" or "model" -> function from the parsed file to what it shall hold.
    """
    names = {"metadata": "metadata.json", "model": "tfjs/model.json"}
    contents = {name: (site / "bundle" / name).read_bytes() for name in read_checksums(site / "bundle")}
    for file, change in changes.items():
        contents[names[file]] = json.dumps(change(json.loads(contents[names[file]]))).encode()
    checksums = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    contents["SHA256SUMS"] = format_checksums(checksums).encode()
    return {f"bundle/{name}": content for name, content in contents.items()}


def as_trained(classifier):
    """The classifier with all digits of its weights; a preset answers with half of them, and the page with another half."""
    model = classifier.trained
    deployed = deploy(model, class_activation_map=True, temperature=classifier.metadata["temperature"])
    return dataclasses.replace(classifier, predict_pixels=deployed.predict_on_batch, load_trained=lambda: model)


def predicted(classifier, pixels):
    """What Python says of `(height, width, 3)`."""
    outputs = classifier.predict_pixels(resize_photo(pixels, classifier.image_size)[None])
    return classifier.decide_batch(outputs, ["photo"])[0], outputs


def assert_same_answer(found, expected, outputs, tolerance=2e-3):
    for name, value in expected.probabilities.items():
        assert found["probabilities"][name] == pytest.approx(value, abs=tolerance)
    assert found["ood_score"] == pytest.approx(expected.ood_score, rel=tolerance * 5, abs=tolerance)
    assert (found["label"], found["answer"]) == (expected.label, expected.answer)
    assert (found["abstention_reason"], found["mpox_suspected"]) == (expected.abstention_reason, expected.mpox_suspected)
    maps = outputs["class_activation_map"][0]
    np.testing.assert_allclose(np.reshape(found["class_activation_map"], maps.shape), maps, atol=0.005 * np.abs(maps).max())


def as_base64(samples):
    return base64.b64encode(samples.tobytes()).decode()
