"""The page works without a network, keeps whole versions, and sends nothing anywhere."""

import threading
import time

import pytest
from web_app import serving

from mpox_keras.web.site import build_site

# The browser asks for the service worker's own scripts when it likes, to see whether there is a newer one.
WORKER_SCRIPTS = {"/service-worker.js", "/version.js"}


def test_it_works_without_a_network_after_the_first_visit(start, site, drawn, tmp_path):
    with serving(site) as server:
        app = start(server.address).kept_offline()
        first = app.open(drawn).check().data()
    # The server is gone; the network too.
    app.context.set_offline(True)
    app.requested.clear()
    app.page = app.new_page()
    app.page.select_option("#language", "fr")
    app.page.wait_for_selector("html[lang=fr]")
    again = app.ready().open(drawn).check().data()
    assert again["probabilities"] == pytest.approx(first["probabilities"], abs=1e-6)
    app.page.locator(".show-card").first.click()
    assert "Model card" in app.page.locator("#card").inner_text()
    assert app.page.locator("header img").evaluate("(image) => image.naturalWidth") > 0


def test_a_first_visit_loads_everything_once(start, site):
    with serving(site) as server:
        start(server.address).kept_offline()
        loaded = [path for status, path in server.answered if status == 200]
    once = [path for path in loaded if path not in WORKER_SCRIPTS]
    assert sorted(once) == sorted(set(once))
    assert not [path for status, path in server.answered if status == 404]


def test_a_new_version_is_offered_whole_and_taken_when_asked(start, site_with_litert, another_bundle, drawn, tmp_path):
    with serving(site_with_litert) as server:
        app = start(server.address).kept_offline()
        port = server.server_port
    before = app.page
    build_site(another_bundle, tmp_path / "site")
    with serving(tmp_path / "site", port) as server:
        asked, goes_on = hold(server, "/bundle/model.tflite")
        app.page = app.new_page()
        app.page.wait_for_selector("#update:not([hidden])", timeout=60_000)
        # Until the person asks, it is the old one as a whole.
        old = app.open(drawn).check().data()
        assert old["model"]["name"] != "another"
        # What the old one is loading does not delay the new one.
        wait_until(app.page, asked.is_set)
        with app.page.expect_navigation():
            app.page.click("#apply-update")
        goes_on.set()
        # The other page still is the old one, and has been offered the new one too.
        with before.expect_navigation():
            before.click("#apply-update")
    # It had been loaded before it was offered.
    app.context.set_offline(True)
    app.page.wait_for_selector("#choose:not(:empty)")
    new = app.open(drawn).check().data()
    assert new["model"]["name"] == "another"
    assert new["model"]["sha256"] != old["model"]["sha256"]
    assert len(app.page.evaluate("caches.keys()")) == 1


def hold(server, path):
    """Makes a server answer no request for `path` before the second of two events; the first tells that there was one."""
    asked, goes_on = threading.Event(), threading.Event()
    answer = server.RequestHandlerClass.do_GET

    def answer_later(handler):
        if handler.path == path:
            asked.set()
            goes_on.wait()
        answer(handler)

    server.RequestHandlerClass.do_GET = answer_later
    return asked, goes_on


def wait_until(page, true):
    """For what Playwright can't wait for: it takes a promise for true."""
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        page.wait_for_timeout(100)


def test_half_a_new_version_is_never_used(start, site):
    with serving(site, changed={"icons/icon-512.png": b"of another version"}) as server:
        app = start(server.address).ready()
        # Asked for twice, the second time past the browser's cache, before the installation fails.
        wait_until(app.page, lambda: server.answered.count((200, "/icons/icon-512.png")) >= 2)
        registered = "async () => Boolean(await navigator.serviceWorker.getRegistration())"
        wait_until(app.page, lambda: not app.page.evaluate(registered))
        assert app.page.evaluate("caches.keys()") == []
        assert app.page.locator("#offline").inner_text() == ""


def test_nothing_leaves_the_device_and_nothing_is_stored(app, server, drawn):
    answered = len(server.answered)
    app.open(drawn).check()
    app.page.click("#save-image")
    assert [path for _, path in server.answered[answered:] if path not in WORKER_SCRIPTS] == []
    allowed = (server.address, f"blob:{server.address}", "data:")
    assert [url for url in app.requested if not url.startswith(allowed)] == []
    stored = app.page.evaluate(
        "async () => [localStorage.length, sessionStorage.length, document.cookie, (await indexedDB.databases()).length]"
    )
    assert stored == [0, 0, "", 0]
    kept = app.page.evaluate(
        """async () => {
            const urls = [];
            for (const name of await caches.keys()) {
                for (const request of await (await caches.open(name)).keys()) urls.push(request.url);
            }
            return urls;
        }"""
    )
    assert len(kept) > 20
    assert not [url for url in kept if not url.startswith(server.address)]


def test_the_page_and_its_workers_can_ask_for_nothing_outside(start, server, site):
    app = start(server.address)
    with serving(site) as outside:
        tries = app.page.evaluate(
            """async (address) => {
                const inWorker = () => new Promise((sent, blocked) => {
                    const code = `fetch("${address}worker").then(() => postMessage(1), () => postMessage(0))`;
                    const worker = new Worker(URL.createObjectURL(new Blob([code])));
                    worker.onmessage = ({ data }) => (data ? sent() : blocked());
                });
                const picture = () => new Promise((sent, blocked) => {
                    Object.assign(new Image(), { onload: sent, onerror: blocked, src: `${address}icons/icon.svg` });
                });
                const quietly = (attempt) => async () => {
                    attempt();
                    throw new Error("whether it was sent is not told");
                };
                const beacon = quietly(() => navigator.sendBeacon(`${address}beacon`, "photo"));
                const form = quietly(() => {
                    const form = Object.assign(document.createElement("form"), { action: `${address}form` });
                    document.body.append(form);
                    form.submit();
                });
                const page = [() => fetch(address, { mode: "no-cors" }), () => import(`${address}main.js`), inWorker, picture];
                return Promise.all([...page, beacon, form].map((attempt) => attempt().then(() => "sent", () => "blocked")));
            }""",
            outside.address,
        )
        app.page.wait_for_timeout(500)
        assert tries == ["blocked"] * 6
        assert outside.answered == []


def test_the_console_stays_silent(app, drawn):
    app.kept_offline().open(drawn).check()
    assert app.noise == []


def test_it_can_be_installed(app, server):
    app.kept_offline()
    manifest = app.page.evaluate("async () => (await fetch(document.querySelector('link[rel=manifest]').href)).json()")
    assert manifest["display"] == "standalone"
    assert manifest["start_url"] == "./"
    assert {"192x192", "512x512"} <= {icon["sizes"] for icon in manifest["icons"]}
    assert any(icon.get("purpose") == "maskable" for icon in manifest["icons"])
    for icon in manifest["icons"]:
        size = app.page.evaluate(
            """async (src) => {
                const image = Object.assign(new Image(), { src });
                await image.decode();
                return image.naturalWidth;
            }""",
            icon["src"],
        )
        assert icon["sizes"] in ("any", f"{size}x{size}")
    # What Chromium itself holds against installing it.
    session = app.context.new_cdp_session(app.page)
    errors = session.send("Page.getInstallabilityErrors")["installabilityErrors"]
    # Profiles of tests are like private windows, in which nothing is installed.
    assert [error["errorId"] for error in errors if error["errorId"] != "in-incognito"] == []
    assert session.send("Page.getAppManifest")["errors"] == []
