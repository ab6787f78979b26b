// Bilinear resizing with antialiasing, sample for sample as Pillow's Image.resize computes it: in Python the network is
// shown photos resized by Pillow, and another filter would be another input.

const PRECISION_BITS = 22;

/**
 * Resize a picture to a square.
 *
 * @param {(top: number, rows: number) => Uint8ClampedArray} readRows gives RGBA samples of whole rows; called from top to
 *   bottom in bands, so that no copy of a large photo is made.
 * @param {number} width of the picture in pixels.
 * @param {number} height of the picture in pixels.
 * @param {number} size side of the result in pixels.
 * @returns {Uint8Array} RGB samples of `size` x `size` pixels.
 */
export function resize(readRows, width, height, size) {
  const bandRows = Math.max(1, Math.floor(2 ** 20 / width));
  const columns = coefficients(width, size);
  const narrow = new Uint8Array(size * height * 3);
  for (let top = 0; top < height; top += bandRows) {
    const rows = Math.min(bandRows, height - top);
    const samples = readRows(top, rows);
    for (let row = 0; row < rows; row++) resizeRow(samples, row * width, narrow, (top + row) * size, columns);
  }
  return resizeColumns(narrow, size, coefficients(height, size));
}

function resizeRow(samples, from, narrow, to, columns) {
  for (const { start, weights } of columns) {
    let red = 0;
    let green = 0;
    let blue = 0;
    let sample = (from + start) * 4;
    for (const weight of weights) {
      red += samples[sample] * weight;
      green += samples[sample + 1] * weight;
      blue += samples[sample + 2] * weight;
      sample += 4;
    }
    narrow[to * 3] = round(red);
    narrow[to * 3 + 1] = round(green);
    narrow[to * 3 + 2] = round(blue);
    to++;
  }
}

function resizeColumns(narrow, size, rows) {
  const stride = size * 3;
  const resized = new Uint8Array(size * stride);
  rows.forEach(({ start, weights }, row) => {
    for (let column = 0; column < stride; column++) {
      let sum = 0;
      for (let tap = 0; tap < weights.length; tap++) sum += narrow[(start + tap) * stride + column] * weights[tap];
      resized[row * stride + column] = round(sum);
    }
  });
  return resized;
}

// Fixed-point weights of the triangle filter, which is widened where the picture gets smaller.
function coefficients(length, size) {
  const scale = length / size;
  const support = Math.max(scale, 1);
  return Array.from({ length: size }, (_, position) => {
    const center = (position + 0.5) * scale;
    const start = Math.max(0, Math.trunc(center - support + 0.5));
    const end = Math.min(length, Math.trunc(center + support + 0.5));
    const exact = Array.from({ length: end - start }, (_, tap) =>
      Math.max(0, 1 - Math.abs((tap + start - center + 0.5) / support)),
    );
    const sum = exact.reduce((total, weight) => total + weight, 0);
    return { start, weights: exact.map((weight) => Math.trunc(0.5 + (weight / sum) * 2 ** PRECISION_BITS)) };
  });
}

function round(sum) {
  return Math.min(255, Math.floor((sum + 2 ** (PRECISION_BITS - 1)) / 2 ** PRECISION_BITS));
}
