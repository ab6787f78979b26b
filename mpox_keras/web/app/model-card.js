import { number, percent, text } from "./language.js";
import { alarmFigures, frequency, inForce } from "./operating-point.js";

/**
 * Fill the dialog of the model's limitations: the most important figures in the page's language, then the bundle's model card.
 */
export function fillModelCard(limitations, card, bundle) {
  limitations.replaceChildren(...statements(inForce(bundle.metadata)).map((words) => element("p", words)));
  card.replaceChildren(...fromMarkdown(bundle.card));
}

function statements(metadata) {
  const { external, out_of_fold: outOfFold, training_photos: photos } = metadata;
  const lines = [text("limitations_research"), externally(external), alarmFigures(metadata), onLeftOutSources(metadata)];
  if (photos) {
    const all = Object.values(photos).reduce((sum, count) => sum + count);
    lines.push(text("limitations_training", { photos: all, mpox: photos.mpox ?? 0 }));
  }
  if (Number.isFinite(outOfFold?.accuracy)) lines.push(text("limitations_accuracy", { accuracy: percent(outOfFold.accuracy) }));
  return [...lines, text("limitations_skin")].filter(Boolean);
}

function externally(external) {
  if (!external?.auc_per_patient_interval) return "";
  const { patients, auc_per_patient, auc_per_patient_interval } = external;
  const [auc, low, high] = [auc_per_patient, ...auc_per_patient_interval].map((value) => number(value, 2));
  const key = auc_per_patient_interval[0] > 0.5 ? "limitations_external_better" : "limitations_external";
  return text(key, { patients, auc, low, high });
}

// False alarms on whole sources of photos, by networks that were trained without them; at the first of the recalls.
function onLeftOutSources({ out_of_fold: outOfFold, operating_points: points = {} }) {
  const sources = Object.values(outOfFold?.left_out_sources ?? {}).flatMap((source) => source.no_alarm?.other ?? []);
  const [recall] = Object.keys(points);
  if (!sources.length || !recall) return "";
  const photos = sources.reduce((sum, source) => sum + source.photos, 0);
  const silent = sources.reduce((sum, source) => sum + source.photos * source.no_alarm, 0);
  const worst = Math.min(...sources.map((source) => source.no_alarm));
  return text("limitations_sources", { photos, share: percent(silent / photos), worst: percent(worst), ...frequency(recall) });
}

// The bundle's card uses headings, paragraphs, lists and bold; it is shown as text, never as HTML.
function fromMarkdown(markdown) {
  const blocks = [];
  for (const line of markdown.split("\n")) {
    const heading = /^(#+) (.*)/.exec(line);
    const item = /^- (.*)/.exec(line);
    if (heading) blocks.push(element(heading[1].length > 1 ? "h4" : "h3", heading[2]));
    else if (item) {
      if (blocks.at(-1)?.tagName !== "UL") blocks.push(document.createElement("ul"));
      blocks.at(-1).append(element("li", item[1]));
    } else if (line.trim()) blocks.push(element("p", line));
  }
  return blocks;
}

function element(name, words) {
  const made = document.createElement(name);
  words.split("**").forEach((part, index) => {
    if (index % 2) {
      const bold = document.createElement("strong");
      bold.textContent = part;
      made.append(bold);
    } else made.append(part);
  });
  return made;
}
