import { Failure } from "./failure.js";
import { callsTo } from "./worker-call.js";

// As mpox_keras.data: larger photos would not fit a phone's memory, smaller ones hold nothing.
const MAX_PIXELS = 50_000_000;
const MIN_SIDE = 8;

/** Opens one photo at a time; what takes long is done by a worker. */
export class PhotoReader {
  /** @param {number} longestPicture longest side, in pixels, of the pictures given for display. */
  constructor(longestPicture) {
    this.longestSide = longestPicture;
    this.call = callsTo(new Worker(new URL("photo-worker.js", import.meta.url), { type: "module" }));
  }

  /**
   * @param {Blob} blob an encoded photo.
   * @returns {Promise<{width: number, height: number, preview: ImageBitmap}>} the size in pixels, upright.
   * @throws {Failure} the file is no photo, is damaged, or has too many pixels or too few.
   */
  async open(blob) {
    const { width, height } = await sizeOf(blob);
    const pixels = width * height;
    if (pixels > MAX_PIXELS)
      throw new Failure("photo_too_large", { megapixels: Math.ceil(pixels / 1e6), most: MAX_PIXELS / 1e6 });
    if (Math.min(width, height) < MIN_SIDE) throw new Failure("photo_too_small", { width, height, least: MIN_SIDE });
    return this.call("open", { blob, longestSide: this.longestSide });
  }

  /**
   * Cut an area out of the open photo and resize it to the network's input.
   *
   * @param {{x: number, y: number, width: number, height: number}} area in whole pixels of the photo.
   * @param {number} size side of the network's input.
   * @returns {Promise<{pixels: Uint8Array, quality: object, picture: ImageBitmap}>} see `inspect` for `quality`.
   */
  cut(area, size) {
    return this.call("cut", { area, size, longestSide: this.longestSide });
  }

  /**
   * The square in the middle of a camera's frame, resized fast rather than exactly. The sharpest of the last frames is kept.
   *
   * @param {VideoFrame|ImageBitmap} frame is closed.
   * @param {number} size side of the network's input.
   * @returns {Promise<{pixels: Uint8Array, quality: object, motion: number}>} `motion` is the mean difference from the frame
   *   before, of 255 levels.
   */
  look(frame, size) {
    return this.call("look", { frame, size }, [frame]);
  }

  /**
   * Forget the camera's frames.
   *
   * @returns {Promise<?Blob>} the sharpest of the last ones as a photo; null where none was looked at.
   */
  takeSharpest() {
    return this.call("takeSharpest", {});
  }
}

// An image element tells the size from the file's first bytes, before anything is decoded.
async function sizeOf(blob) {
  const image = new Image();
  image.src = URL.createObjectURL(blob);
  try {
    await new Promise((resolve, reject) => {
      image.onload = resolve;
      image.onerror = () => reject(new Failure("photo_unreadable"));
    });
    return { width: image.naturalWidth, height: image.naturalHeight };
  } finally {
    URL.revokeObjectURL(image.src);
  }
}
