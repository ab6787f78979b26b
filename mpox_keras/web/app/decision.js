// From a network's outputs to an answer: the rule of Classifier.decide_batch in Python.

/**
 * @param {number[]} probabilities calibrated, one per class.
 * @param {?number} oodScore out-of-distribution score, 0 to 1: how little the photo looks like one of skin; null where the
 *   network has none.
 * @param {object} metadata of the bundle: `classes` and `thresholds`.
 * @returns {{label: string, probabilities: Object<string, number>, ood_score: ?number, mpox_suspected: ?boolean,
 *   abstention_reason: ?string}} the fields of Python's `Prediction`; `abstention_reason` is "out_of_distribution",
 *   "uncertain" or null.
 */
export function decide(probabilities, oodScore, { classes, thresholds }) {
  const named = Object.fromEntries(classes.map((name, index) => [name, probabilities[index]]));
  const label = classes[probabilities.indexOf(Math.max(...probabilities))];
  const prediction = { label, probabilities: named, ood_score: oodScore, mpox_suspected: null, abstention_reason: null };
  if (!thresholds) return prediction;
  if ("mpox" in thresholds) prediction.mpox_suspected = named.mpox >= thresholds.mpox;
  if (oodScore > thresholds.ood_score) prediction.abstention_reason = "out_of_distribution";
  else if (named[label] < thresholds.confidence) prediction.abstention_reason = "uncertain";
  return prediction;
}
