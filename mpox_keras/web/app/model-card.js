import { number, percent, text } from "./language.js";

/**
 * Fill the dialog of the model's limits: the most important figures in the page's language, then the bundle's model card.
 */
export function fillModelCard(limits, card, bundle) {
  limits.replaceChildren(...statements(bundle.metadata).map((words) => element("p", words)));
  card.replaceChildren(...fromMarkdown(bundle.card));
}

function statements({ external, out_of_fold: evaluated, training_photos: photos }) {
  const lines = [text("limits_research")];
  if (external) {
    const [low, high] = external.auc_per_patient_interval;
    lines.push(text("limits_external", { patients: external.patients, auc: number(external.auc_per_patient, 2), low: number(low, 2), high: number(high, 2) }));
  }
  if (photos) lines.push(text("limits_training", { photos: Object.values(photos).reduce((sum, count) => sum + count) }));
  if (evaluated) lines.push(text("limits_accuracy", { accuracy: percent(evaluated.accuracy) }));
  return [...lines, text("limits_skin")];
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
