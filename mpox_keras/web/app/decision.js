// From a network's numbers to an answer: the rule of mpox_keras.Prediction.

/**
 * @param {number[]} probabilities calibrated, one per class.
 * @param {number} unfamiliarity how much the photo looks like one of anything but skin, 0 to 1.
 * @param {object} metadata of the bundle: `classes` and `thresholds`.
 * @returns {{label: string, probabilities: Object<string, number>, unfamiliarity: number, mpox_suspected: ?boolean,
 *   doubt: ?string}} as the Python package's `Prediction`: `doubt` is "unfamiliar", "uncertain" or null.
 */
export function decide(probabilities, unfamiliarity, { classes, thresholds }) {
  const named = Object.fromEntries(classes.map((name, index) => [name, probabilities[index]]));
  const label = classes[probabilities.indexOf(Math.max(...probabilities))];
  if (!thresholds) return { label, probabilities: named, unfamiliarity, mpox_suspected: null, doubt: null };
  let doubt = null;
  if (unfamiliarity > thresholds.unfamiliarity) doubt = "unfamiliar";
  else if (named[label] < thresholds.confidence) doubt = "uncertain";
  return { label, probabilities: named, unfamiliarity, mpox_suspected: named.mpox >= thresholds.mpox, doubt };
}
