// Decodes photos and cuts areas out of them, away from the page's own thread. One photo is held at a time.

import { inspect } from "./checks.js";
import { resize } from "./resize.js";

let photo = null;

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
};

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
