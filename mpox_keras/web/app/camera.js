import { Failure } from "./failure.js";

// Enough for an area to hold more than the network's input, and little enough for many frames a second.
const SIDE = 1280;
const FAILURES = { NotAllowedError: "camera_refused", NotFoundError: "camera_none", NotReadableError: "camera_busy" };

/**
 * Show the camera until the person takes a photo, the one on the back where there are several.
 *
 * @param {HTMLDialogElement} dialog with a video, and a form whose submit button has the value "take".
 * @param {(frame: VideoFrame|ImageBitmap) => Promise<void>} look is called with one frame after another, which it closes.
 * @returns {Promise<boolean>} false where the person closed the camera, or left the page.
 * @throws {Failure} there is no camera, another program holds it, or its use was refused.
 */
export async function useCamera(dialog, look) {
  const stream = await openCamera();
  const video = dialog.querySelector("video");
  const left = new AbortController();
  const turnOff = () => {
    for (const track of stream.getTracks()) track.stop();
    video.srcObject = null;
  };
  try {
    video.srcObject = stream;
    dialog.returnValue = "";
    const closed = new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));
    // At once, not when the last frame was looked at.
    closed.then(turnOff);
    document.addEventListener("visibilitychange", () => document.hidden && dialog.close(), { signal: left.signal });
    dialog.showModal();
    // Stopped by closing the dialog early, which is no failure.
    video.play().catch(() => {});
    while (dialog.open) {
      await Promise.race([nextFrame(video), closed]);
      if (dialog.open && video.videoWidth) await look(await frameOf(video));
    }
    return dialog.returnValue === "take";
  } finally {
    left.abort();
    turnOff();
    if (dialog.open) dialog.close();
  }
}

async function openCamera() {
  if (!navigator.mediaDevices) throw new Failure("camera_none");
  try {
    return await navigator.mediaDevices.getUserMedia({
      video: { facingMode: "environment", width: { ideal: SIDE }, height: { ideal: SIDE } },
    });
  } catch (error) {
    throw new Failure(FAILURES[error.name] ?? "camera_busy");
  }
}

function nextFrame(video) {
  return new Promise((resolve) => {
    if (video.requestVideoFrameCallback) video.requestVideoFrameCallback(resolve);
    else requestAnimationFrame(resolve);
  });
}

// A VideoFrame is turned into colours where it is drawn; an ImageBitmap, for browsers without, is here, and blocks the page.
const frameOf = (video) => (globalThis.VideoFrame ? new VideoFrame(video) : createImageBitmap(video));
