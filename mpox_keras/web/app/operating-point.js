// From which probability on mpox is suspected: the network's own threshold, or the one of the recall that the person chose.

import { number, percent, text } from "./language.js";

const STORED = "mpox-keras recall";
const OF = 100;

let chosen = stored();

function stored() {
  try {
    return localStorage.getItem(STORED);
  } catch {
    return null;
  }
}

/** Have mpox suspected at another recall, one of the keys of `operating_points`, from now on and on later visits. */
export function chooseRecall(recall) {
  chosen = recall;
  try {
    localStorage.setItem(STORED, recall);
  } catch {
    // A browser may refuse to store anything: then the choice ends with the page.
  }
}

/**
 * The bundle's metadata as it is in force: `thresholds.mpox` is that of the chosen recall, if the network has one for it.
 * `recall` tells which of the `operating_points` this is; undefined where the metadata tells nothing of its threshold.
 */
export function inForce(metadata) {
  const { thresholds, operating_points: points = {} } = metadata;
  if (thresholds?.mpox === undefined) return metadata;
  const own = Object.keys(points).find((name) => points[name].threshold === thresholds.mpox);
  const recall = Object.hasOwn(points, chosen) ? chosen : own;
  const { threshold } = points[recall] ?? { threshold: thresholds.mpox };
  return { ...metadata, thresholds: { ...thresholds, mpox: threshold }, recall };
}

/** The recalls that can be chosen, each with its words; none where there is no choice. */
export function recallChoices({ operating_points: points = {} }) {
  const recalls = Object.keys(points);
  if (recalls.length < 2) return [];
  const lowest = Math.min(...recalls);
  return recalls.map((recall) => {
    const words = text(Number(recall) > lowest ? "recall_choice_higher" : "recall_choice", frequency(recall));
    return { recall, words };
  });
}

/** How many of a hundred a recall is, as values for `text`. */
export const frequency = (recall) => ({ found: number(recall * OF, 1), of: OF });

/** The threshold in force, in words; empty where a network has none for mpox. */
export function alarmLevel({ thresholds, recall }) {
  if (thresholds?.mpox === undefined) return "";
  const threshold = percent(thresholds.mpox, 1);
  return recall ? text("alarm_level_recall", { threshold, ...frequency(recall) }) : text("alarm_level", { threshold });
}

/**
 * What tests told of the threshold in force, in words: what it finds, and its price; empty where this is not known.
 * The price is that on sources of photos that nothing was learned from, where it was measured: on others it looks better.
 */
export function alarmFigures({ operating_points: points = {}, recall, external }) {
  const { recall: found, no_alarm: noAlarm, specificity_other_rashes: otherRashes } = points[recall] ?? {};
  const share = external?.other_conditions?.no_alarm?.[recall] ?? noAlarm?.other?.share ?? otherRashes;
  const words = [];
  if (Number.isFinite(found)) words.push(text("suspected_recall", { recall: percent(found) }));
  if (Number.isFinite(found) && Number.isFinite(share)) words.push(text("suspected_price", { share: percent(share) }));
  return words.join(" ");
}
