// What can be told of a photo before the network sees it. Nearly all photos of the training data lie within the thresholds;
// configs/results/photo_checks.json tells how many do not.

export const THRESHOLDS = { side: 112, dark: 45, bright: 235, sharpness: 5 };

/**
 * Reasons why an area of a photo may be answered badly.
 *
 * @param {Uint8Array} pixels RGB samples of the area, resized to the network's input.
 * @param {number} size side of `pixels`.
 * @param {number} side shorter side of the area in the photo, in pixels.
 * @returns {{reasons: string[], brightness: number, sharpness: number}} `reasons` holds "too_small", "too_dark", "too_bright"
 *   and "too_blurred", as far as they apply; `brightness` is the mean of the luma, 0 to 255; `sharpness` the variance of
 *   its Laplacian.
 */
export function inspect(pixels, size, side) {
  const luma = new Float32Array(size * size);
  let sum = 0;
  for (let index = 0; index < luma.length; index++) {
    luma[index] = 0.299 * pixels[index * 3] + 0.587 * pixels[index * 3 + 1] + 0.114 * pixels[index * 3 + 2];
    sum += luma[index];
  }
  const brightness = sum / luma.length;
  const sharpness = laplacianVariance(luma, size);
  const reasons = [];
  if (side < THRESHOLDS.side) reasons.push("too_small");
  if (brightness < THRESHOLDS.dark) reasons.push("too_dark");
  if (brightness > THRESHOLDS.bright) reasons.push("too_bright");
  if (sharpness < THRESHOLDS.sharpness) reasons.push("too_blurred");
  return { reasons, brightness, sharpness };
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
