"""The camera's viewfinder: what it says of its frames, which frame is taken, and when the camera's light goes off."""

import numpy as np
import pytest
from web_app import as_base64

# In place of a camera: a picture held before one, still, shaken, in the dark or out of focus; "pulsing" is in focus by turns.
CAMERA = """async (bytes) => {
    const samples = Uint8Array.from(atob(bytes), (letter) => letter.charCodeAt(0));
    const picture = await createImageBitmap(new Blob([samples]));
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = 480;
    const context = canvas.getContext("2d");
    window.held = "still";
    let times = 0;
    const draw = () => {
        times++;
        const isBlurred = window.held === "blurred" || (window.held === "pulsing" && times % 12 < 6);
        context.filter = isBlurred ? "blur(9px)" : window.held === "dark" ? "brightness(0.1)" : "none";
        const aside = window.held === "shaken" ? Math.random() * 120 : 0;
        context.drawImage(picture, -aside, -aside, 600, 600);
        requestAnimationFrame(draw);
    };
    draw();
    navigator.mediaDevices.getUserMedia = async () => (window.stream = canvas.captureStream(30));
}"""
ANSWERED = "() => /Most like|Not sure/.test(document.getElementById('live-answer').textContent)"
LIT = "() => window.stream.getTracks().some((track) => track.readyState === 'live')"


@pytest.fixture
def camera(app, drawn):
    """Opens the viewfinder before a drawn picture."""
    app.tried()
    app.page.evaluate(CAMERA, as_base64(np.fromfile(drawn, "uint8")))
    app.page.click("#camera")
    app.page.wait_for_selector("#camera-dialog[open]")
    yield app
    app.page.evaluate("delete navigator.mediaDevices.getUserMedia")


def wait_for(page, name, words):
    page.wait_for_function("([name, words]) => document.getElementById(name).textContent.includes(words)", arg=[name, words])


def test_an_answer_needs_frames_that_agree(camera):
    page = camera.page
    # Whatever the answer to this picture is.
    page.wait_for_function(ANSWERED)
    assert page.locator("#camera-dialog").inner_text().count("Not a diagnosis") == 1
    assert camera.violations() == []
    for held, hint in (("shaken", "Hold the camera still"), ("dark", "too dark"), ("blurred", "blurred")):
        page.evaluate("(held) => { window.held = held; }", held)
        wait_for(page, "live-hint", hint)
        wait_for(page, "live-answer", "Keep the rash in the picture.")
        assert page.locator("#live-map").is_hidden()
    page.evaluate("window.held = 'still'")
    page.wait_for_function(ANSWERED)
    page.click("#camera-dialog button[value=cancel]")
    assert camera.noise == []


def test_the_sharpest_frame_is_taken(camera):
    page = camera.page
    page.evaluate("window.held = 'pulsing'")
    wait_for(page, "live-hint", "blurred")
    page.wait_for_timeout(1500)
    page.click("#camera-dialog button[value=take]")
    page.wait_for_selector("#area:not([hidden])")
    camera.ready().page.click("#check")
    page.wait_for_selector("#result:not([hidden])")
    assert page.locator("#warnings").is_hidden()
    assert not page.evaluate(LIT)


@pytest.mark.parametrize(
    "leave",
    [
        "document.querySelector('#camera-dialog button[value=cancel]').click()",
        "document.querySelector('#camera-dialog').close()",
        """Object.defineProperty(document, "hidden", { value: true, configurable: true });
        document.dispatchEvent(new Event("visibilitychange"));
        delete document.hidden;""",
    ],
)
def test_the_light_goes_off_when_the_camera_is_left(camera, leave):
    assert camera.page.evaluate(LIT)
    camera.page.evaluate(f"() => {{ {leave} }}")
    camera.page.wait_for_function(LIT.replace(".some", ".every").replace("live", "ended"))
    camera.page.wait_for_function("() => document.querySelector('video').srcObject === null")
    assert camera.page.locator("#drop").is_visible()
    assert camera.page.locator("#camera-dialog").is_hidden()
