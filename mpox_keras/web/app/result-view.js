import { paintHeatMap, strongestPlace } from "./heat-map.js";
import { className, hasText, percent, text } from "./language.js";
import { alarmFigures, alarmLevel, recallChoices } from "./operating-point.js";

const byId = (id) => document.getElementById(id);

/** The words of an answer, in the page's language; used on the page, in the saved image and by screen readers. */
export function describe({ prediction, metadata }) {
  const { label, probabilities, abstention_reason: abstained, mpox_suspected: suspected } = prediction;
  const answer = label === "normal" ? "answer_normal" : "answer";
  const reason = label === "other" && "mpox" in probabilities ? "reason_other" : "answer_reason";
  // An alarm asks for a health worker, which this answer alone would not.
  const advice = suspected && label === "other" ? "next_mpox" : `next_${label}`;
  const next = abstained ? "next_not_sure" : advice;
  return {
    answer: abstained ? text("not_sure") : text(answer, { name: className(label) }),
    reason: text(abstained ? `abstention_${abstained}` : reason),
    // Where mpox is the answer, there is nothing to add.
    suspected: suspected && (abstained || label !== "mpox") ? `${text("suspected")} ${alarmFigures(metadata)}`.trim() : "",
    level: alarmLevel(metadata),
    next: text(hasText(next) ? next : "next_otherwise"),
  };
}

/** Shows one answer after another in the page's result section. */
export class ResultView {
  constructor() {
    byId("opacity").addEventListener("input", () => this.#paint());
    byId("heat-map-class").addEventListener("change", () => this.#paint());
  }

  /**
   * @param {object} result `prediction`, `map` (the class activation map), `picture` (an ImageBitmap of the area) and
   *   `metadata` (of the bundle, as `inForce` gives it).
   */
  show(result) {
    this.result?.picture !== result.picture && this.result?.picture.close();
    this.result = result;
    const words = describe(result);
    byId("answer").textContent = words.answer;
    byId("reason").textContent = words.reason;
    byId("suspected").textContent = words.suspected;
    byId("suspected").hidden = !words.suspected;
    byId("next").textContent = words.next;
    byId("alarm-level").textContent = words.level;
    const choices = recallChoices(result.metadata);
    byId("recall").replaceChildren(...choices.map(({ recall, words }) => new Option(words, recall)));
    byId("recall").value = result.metadata.recall;
    byId("recall-choice").hidden = !choices.length;
    // For a picture unlike the training photos, the network's probabilities and map mean little.
    byId("findings").open = result.prediction.abstention_reason !== "out_of_distribution";
    byId("bars").replaceChildren(...bars(result.prediction.probabilities));
    const classes = result.metadata.classes;
    byId("heat-map-class").replaceChildren(...classes.map((name) => new Option(className(name), name)));
    byId("heat-map-class").value = result.prediction.label;
    byId("result").hidden = false;
    this.#paint();
  }

  hide() {
    byId("result").hidden = true;
  }

  #paint() {
    const { metadata, picture, map } = this.result;
    const name = byId("heat-map-class").value;
    const index = metadata.classes.indexOf(name);
    paintHeatMap(byId("heat-map"), picture, map, metadata.classes.length, index, byId("opacity").value / 100);
    const place = strongestPlace(map, metadata.classes.length, index);
    const key = place === null ? "heat_map_nothing" : "heat_map_text";
    const words = text(key, { name: className(name), place: text(`place_${place}`) });
    byId("heat-map-text").textContent = words;
    byId("heat-map").setAttribute("aria-label", words);
  }
}

function bars(probabilities) {
  return Object.entries(probabilities).flatMap(([name, value]) => {
    const term = document.createElement("dt");
    term.textContent = className(name);
    const detail = document.createElement("dd");
    const bar = document.createElement("span");
    bar.className = "bar";
    bar.style.setProperty("--share", value);
    detail.append(bar, percent(value));
    return [term, detail];
  });
}
