// What can be told of a photo before the network sees it. Nearly all photos of the training data lie within the thresholds;
// configs/results/photo_checks.json tells how many do not.

// Whether a photo is too dark is told by its brightest parts: the mean is as low where dark skin in good light fills the frame.
export const THRESHOLDS = { side: 112, dark: 64, bright: 235, sharpness: 5 };
const BRIGHT_SHARE = 0.01;

/**
 * Reasons why an area of a photo may be answered badly.
 *
 * @param {Uint8Array} pixels RGB samples of the area, resized to the network's input.
 * @param {number} size side of `pixels`.
 * @param {number} side shorter side of the area in the photo, in pixels.
 * @returns {{reasons: string[], sharpness: number}} `reasons` holds "too_small", "too_dark" (hardly anything is bright),
 *   "too_bright" (by the mean of the luma) and "too_blurred", as far as they apply; `sharpness` is the variance of the luma's
 *   Laplacian.
 */
export function inspect(pixels, size, side) {
  const luma = new Float32Array(size * size);
  let sum = 0;
  let bright = 0;
  for (let index = 0; index < luma.length; index++) {
    const red = pixels[index * 3];
    const green = pixels[index * 3 + 1];
    const blue = pixels[index * 3 + 2];
    luma[index] = 0.299 * red + 0.587 * green + 0.114 * blue;
    sum += luma[index];
    if (Math.max(red, green, blue) >= THRESHOLDS.dark) bright++;
  }
  const reasons = [];
  if (side < THRESHOLDS.side) reasons.push("too_small");
  if (bright < BRIGHT_SHARE * luma.length) reasons.push("too_dark");
  if (sum > THRESHOLDS.bright * luma.length) reasons.push("too_bright");
  const sharpness = laplacianVariance(luma, size);
  if (sharpness < THRESHOLDS.sharpness) reasons.push("too_blurred");
  return { reasons, sharpness };
}

function laplacianVariance(luma, size) {
  let sum = 0;
  let squares = 0;
  for (let row = 1; row < size - 1; row++) {
    for (let index = row * size + 1; index < (row + 1) * size - 1; index++) {
      const value = luma[index - 1] + luma[index + 1] + luma[index - size] + luma[index + size] - 4 * luma[index];
      sum += value;
      squares += value * value;
    }
  }
  const count = (size - 2) ** 2;
  return squares / count - (sum / count) ** 2;
}
