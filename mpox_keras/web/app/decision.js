// From a network's numbers to an answer: the rule of mpox_keras.Prediction.

/**
 * @param {number[]} probabilities calibrated, one per class.
 * @param {number} ood_score how much the photo looks like one of anything but skin, 0 to 1.
 * @param {object} metadata of the bundle: `classes` and `thresholds`.
 * @returns {{label: string, probabilities: Object<string, number>, ood_score: number, mpox_suspected: ?boolean,
 *   abstention_reason: ?string}} as the Python package's `Prediction`: `abstention_reason` is "out_of_distribution", "uncertain" or null.
 */
export function decide(probabilities, ood_score, { classes, thresholds }) {
  const named = Object.fromEntries(classes.map((name, index) => [name, probabilities[index]]));
  const label = classes[probabilities.indexOf(Math.max(...probabilities))];
  if (!thresholds) return { label, probabilities: named, ood_score, mpox_suspected: null, abstention_reason: null };
  let abstention_reason = null;
  if (ood_score > thresholds.ood_score) abstention_reason = "out_of_distribution";
  else if (named[label] < thresholds.confidence) abstention_reason = "uncertain";
  return { label, probabilities: named, ood_score, mpox_suspected: named.mpox >= thresholds.mpox, abstention_reason };
}
