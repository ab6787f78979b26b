import { Failure } from "./failure.js";

const FAILURES = { NotAllowedError: "camera_refused", NotFoundError: "camera_none", NotReadableError: "camera_busy" };

/**
 * Take a photo with the camera, the one on the back where there are several.
 *
 * @param {HTMLDialogElement} dialog with a video, and a form whose submit button has the value "take".
 * @returns {Promise<?Blob>} null where the person closed the camera.
 * @throws {Failure} there is no camera, another program holds it, or its use was refused.
 */
export async function takePhoto(dialog) {
  const stream = await openCamera();
  const video = dialog.querySelector("video");
  try {
    video.srcObject = stream;
    dialog.returnValue = "";
    const closed = new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));
    dialog.showModal();
    // Stopped by closing the dialog early, which is no failure.
    video.play().catch(() => {});
    await closed;
    return dialog.returnValue === "take" && video.videoWidth ? await frameOf(video) : null;
  } finally {
    for (const track of stream.getTracks()) track.stop();
    video.srcObject = null;
    if (dialog.open) dialog.close();
  }
}

async function openCamera() {
  if (!navigator.mediaDevices) throw new Failure("camera_none");
  try {
    return await navigator.mediaDevices.getUserMedia({
      video: { facingMode: "environment", width: { ideal: 1920 }, height: { ideal: 1920 } },
    });
  } catch (error) {
    throw new Failure(FAILURES[error.name] ?? "camera_busy");
  }
}

function frameOf(video) {
  const canvas = document.createElement("canvas");
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  canvas.getContext("2d").drawImage(video, 0, 0);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.95));
}
