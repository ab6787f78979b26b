// Decodes photos and cuts areas out of them, away from the page's own thread. One photo is held at a time.

import { inspect } from "./checks.js";
import { resize } from "./resize.js";

let photo = null;
// Of the camera: `before`, the pixels of the last frame, and `best`, the sharpest frame of about the last RECENT_MS.
let camera = {};
const RECENT_MS = 800;

const calls = {
  // As Python's decode_photo: turned by EXIF, embedded colour profiles ignored.
  async open({ blob, longestSide }) {
    const decoded = await createImageBitmap(blob, { imageOrientation: "from-image", colorSpaceConversion: "none" });
    photo?.close();
    photo = decoded;
    const { width, height } = photo;
    return { width, height, preview: await reduced({ x: 0, y: 0, width, height }, longestSide) };
  },

  async cut({ area, size, longestSide }) {
    const pixels = resize(rowReader(area), area.width, area.height, size);
    const quality = inspect(pixels, size, Math.min(area.width, area.height));
    return { pixels, quality, picture: await reduced(area, longestSide) };
  },

  async look({ frame, size }) {
    const { pixels, side } = middle(frame, size);
    const motion = camera.before?.length === pixels.length ? meanDifference(camera.before, pixels) : 0;
    camera.before = pixels;
    const quality = inspect(pixels, size, side);
    const time = performance.now();
    if (!camera.best || quality.sharpness >= camera.best.sharpness || time - camera.best.time > RECENT_MS) {
      camera.best?.picture.close();
      camera.best = { picture: await createImageBitmap(frame), sharpness: quality.sharpness, time };
    }
    frame.close();
    return { pixels, motion, quality };
  },

  async takeSharpest() {
    const picture = camera.best?.picture;
    camera = {};
    if (!picture) return null;
    const canvas = new OffscreenCanvas(picture.width, picture.height);
    canvas.getContext("2d").drawImage(picture, 0, 0);
    picture.close();
    return canvas.convertToBlob({ type: "image/jpeg", quality: 0.95 });
  },
};

function middle(frame, size) {
  const [width, height] = [frame.displayWidth ?? frame.width, frame.displayHeight ?? frame.height];
  const side = Math.min(width, height);
  const canvas = new OffscreenCanvas(size, size);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.imageSmoothingQuality = "medium";
  context.drawImage(frame, (width - side) / 2, (height - side) / 2, side, side, 0, 0, size, size);
  const samples = context.getImageData(0, 0, size, size).data;
  const pixels = new Uint8Array(size * size * 3);
  for (let from = 0, to = 0; to < pixels.length; from++) if (from % 4 < 3) pixels[to++] = samples[from];
  return { pixels, side };
}

function meanDifference(one, other) {
  let sum = 0;
  for (let index = 0; index < one.length; index++) sum += Math.abs(one[index] - other[index]);
  return sum / one.length;
}

function reduced({ x, y, width, height }, longestSide) {
  const scale = Math.min(1, longestSide / Math.max(width, height));
  const size = { resizeWidth: Math.max(1, Math.round(width * scale)), resizeHeight: Math.max(1, Math.round(height * scale)) };
  return createImageBitmap(photo, x, y, width, height, { ...size, resizeQuality: "high" });
}

function rowReader({ x, y, width }) {
  let canvas;
  let context;
  return (top, rows) => {
    if (canvas?.height !== rows) {
      canvas = new OffscreenCanvas(width, rows);
      context = canvas.getContext("2d", { willReadFrequently: true });
    }
    // Transparent parts lie over white.
    context.fillStyle = "white";
    context.fillRect(0, 0, width, rows);
    context.drawImage(photo, -x, -y - top);
    return context.getImageData(0, 0, width, rows).data;
  };
}

addEventListener("message", async ({ data: { id, name, argument } }) => {
  try {
    postMessage({ id, value: await calls[name](argument) });
  } catch (error) {
    postMessage({ id, failure: { key: "photo_unreadable", values: { reason: error.message } } });
  }
});
