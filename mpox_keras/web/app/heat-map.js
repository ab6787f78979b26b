// The class activation map as a picture over the photo.

// Dark blue over magenta to yellow: rising in brightness throughout, so that it reads without seeing colours.
const STOPS = [
  [0, 0, 40, 120],
  [0.5, 200, 40, 130],
  [1, 255, 225, 70],
];

/**
 * Paint a photo with the map of one class over it.
 *
 * @param {HTMLCanvasElement} canvas gets the size of the picture.
 * @param {ImageBitmap} picture of the area that was checked.
 * @param {Float32Array} map `(side, side, classes)`: what each place adds to each class's logit.
 * @param {number} classes how many there are.
 * @param {number} index of the class shown.
 * @param {number} opacity 0 to 1.
 */
export function paintHeatMap(canvas, picture, map, classes, index, opacity) {
  canvas.width = picture.width;
  canvas.height = picture.height;
  canvas.style.setProperty("--ratio", picture.width / picture.height);
  const context = canvas.getContext("2d");
  context.drawImage(picture, 0, 0);
  context.globalAlpha = opacity;
  context.imageSmoothingQuality = "high";
  const small = document.createElement("canvas");
  paintMap(small, map, classes, index);
  // Half a cell of the small picture lies beyond its outermost centres.
  context.drawImage(small, 0, 0, picture.width, picture.height);
}

/** Paint the map of one class alone, a pixel for each place; the canvas gets its size. */
export function paintMap(canvas, map, classes, index) {
  const values = strengths(map, classes, index);
  canvas.width = canvas.height = Math.sqrt(values.length);
  canvas.getContext("2d").putImageData(colours(values, canvas.width), 0, 0);
}

/**
 * Where the map of a class is strongest: 0 to 8, row by row over thirds of the area; null where nothing speaks for it.
 */
export function strongestPlace(map, classes, index) {
  const values = strengths(map, classes, index);
  const side = Math.sqrt(values.length);
  const third = (position) => Math.floor(((position + 0.5) / side) * 3);
  const places = Array.from({ length: 9 }, () => ({ sum: 0, cells: 0 }));
  values.forEach((value, cell) => {
    const place = places[third(Math.floor(cell / side)) * 3 + third(cell % side)];
    place.sum += value;
    place.cells++;
  });
  const means = places.map(({ sum, cells }) => sum / Math.max(1, cells));
  const strongest = Math.max(...means);
  return strongest > 0 ? means.indexOf(strongest) : null;
}

// What speaks for the class, 0 to 1; 1 is the strongest of any class, so that a weak class has a weak map.
function strengths(map, classes, index) {
  const strongest = map.reduce((largest, value) => Math.max(largest, value), 0) || 1;
  return Float32Array.from({ length: map.length / classes }, (_, cell) => Math.max(0, map[cell * classes + index]) / strongest);
}

function colours(values, side) {
  const image = new ImageData(side, side);
  values.forEach((value, cell) => {
    const above = STOPS.findIndex(([at]) => at >= value);
    const next = Math.max(1, above);
    const [start, ...from] = STOPS[next - 1];
    const [end, ...to] = STOPS[next];
    const share = (value - start) / (end - start);
    for (const channel of from.keys()) image.data[cell * 4 + channel] = from[channel] + share * (to[channel] - from[channel]);
    image.data[cell * 4 + 3] = 255 * Math.min(1, 0.15 + value);
  });
  return image;
}
