import { className, dateAndTime, fillWords, percent, text } from "./language.js";
import { alarmLevel } from "./operating-point.js";
import { describe } from "./result-view.js";

// So many fit on one printed page.
const MOST = 6;
const LONGEST_PICTURE = 320;

const byId = (id) => document.getElementById(id);

/** The photos of one person that were added, each with its answer. The page alone holds them: nothing is stored. */
export class Report {
  /**
   * @param {(checked: object) => object} decided gives a result with the thresholds that are in force now.
   * @param {() => void} onChange
   */
  constructor(decided, onChange) {
    this.decided = decided;
    this.onChange = onChange;
    this.entries = [];
  }

  get photos() {
    return this.entries.length;
  }

  get isFull() {
    return this.photos >= MOST;
  }

  /** Add a result of the page; its picture is copied. */
  add({ picture, ...checked }) {
    const item = byId("report-photo").content.firstElementChild.cloneNode(true);
    paintSmall(item.querySelector("canvas"), picture);
    fillWords(item);
    const entry = { item, checked };
    item.querySelector("button").addEventListener("click", () => this.#remove(entry));
    this.entries.push(entry);
    byId("report-photos").append(item);
    this.show();
  }

  clear() {
    this.entries = [];
    byId("report-photos").replaceChildren();
    byId("notes").reset();
    this.show();
  }

  /** Show it anew, in the language and with the thresholds of now. */
  show() {
    this.onChange();
    byId("report").hidden = !this.photos;
    if (!this.photos) return;
    const results = this.entries.map(({ checked }) => this.decided(checked));
    for (const [index, result] of results.entries()) fillItem(this.entries[index].item, result, index + 1);
    byId("summary").replaceChildren(...summary(results).map(paragraph));
    const { metadata } = results[0];
    byId("report-origin").textContent = [dateAndTime(new Date()), metadata.name, alarmLevel(metadata)]
      .filter(Boolean)
      .join(" · ");
  }

  #remove(entry) {
    if (this.photos === 1) return this.clear();
    this.entries.splice(this.entries.indexOf(entry), 1);
    entry.item.remove();
    this.show();
    byId("report-heading").focus();
  }
}

// How the answers agree, and what to do.
function summary(results) {
  const photos = results.length;
  const words = results.map(describe);
  const answers = new Set(words.map(({ answer }) => answer));
  const suspected = results.filter(({ prediction }) => prediction.mpox_suspected).length;
  const lines = [];
  if (answers.size > 1) {
    lines.push(text("report_differ"));
    for (const answer of answers) {
      lines.push(text("report_share", { count: words.filter((each) => each.answer === answer).length, photos, answer }));
    }
  } else if (photos > 1) lines.push(text("report_agree", { photos, answer: words[0].answer }), text("report_hint"));
  if (suspected) lines.push(text("report_suspected", { count: suspected, photos }), text("next_mpox"));
  else lines.push(answers.size > 1 ? text("next_otherwise") : words[0].next);
  return lines;
}

function fillItem(item, { prediction, quality, area, metadata }, number) {
  const { answer, reason } = describe({ prediction, metadata });
  const { probabilities, abstention_reason: abstained, mpox_suspected: suspected } = prediction;
  item.querySelector("canvas").setAttribute("aria-label", text("report_photo", { number }));
  item.querySelector("h3").textContent = `${text("report_photo", { number })} · ${answer}`;
  // For a picture unlike the training photos, the network's probabilities mean little.
  const shares = Object.entries(abstained === "out_of_distribution" ? {} : probabilities);
  item.querySelector(".shares").textContent = shares
    .map(([name, value]) => `${className(name)}\u00a0${percent(value)}`)
    .join(" · ");
  item.querySelector(".suspected").hidden = !suspected;
  const remarks = quality.reasons.map((key) => text(key, { side: Math.min(area.width, area.height) }));
  if (abstained) remarks.unshift(reason);
  item.querySelector(".remarks").textContent = remarks.join(" ");
  item.querySelector("button").textContent = text("remove_photo", { number });
}

function paintSmall(canvas, picture) {
  const scale = Math.min(1, LONGEST_PICTURE / Math.max(picture.width, picture.height));
  canvas.width = Math.round(picture.width * scale);
  canvas.height = Math.round(picture.height * scale);
  canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
}

function paragraph(words) {
  const element = document.createElement("p");
  element.textContent = words;
  return element;
}
