import { number, percent, text } from "./language.js";

/**
 * Fill the dialog of the model's limitations: the most important figures in the page's language, then the bundle's model card.
 */
export function fillModelCard(limitations, card, bundle) {
  limitations.replaceChildren(...statements(bundle.metadata).map((words) => element("p", words)));
  card.replaceChildren(...fromMarkdown(bundle.card));
}

function statements({ external, out_of_fold: outOfFold, training_photos: photos }) {
  const lines = [text("limitations_research")];
  if (external) {
    const { patients, auc_per_patient, auc_per_patient_interval } = external;
    const [auc, low, high] = [auc_per_patient, ...auc_per_patient_interval].map((value) => number(value, 2));
    lines.push(text("limitations_external", { patients, auc, low, high }));
  }
  if (photos) lines.push(text("limitations_training", { photos: Object.values(photos).reduce((sum, count) => sum + count) }));
  if (outOfFold) lines.push(text("limitations_accuracy", { accuracy: percent(outOfFold.accuracy) }));
  return [...lines, text("limitations_skin")];
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
