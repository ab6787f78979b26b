"use strict";

const data = JSON.parse(document.getElementById("data").textContent);
const element = (id) => document.getElementById(id);
const KEY = `mpox-keras-review-${data.sheet}`;
const NAME = data.method.replaceAll("_", " ");
const REASONS = {
  out_of_distribution: "The photo is unlike those the network was trained on.",
  uncertain: "No class is likely enough.",
};

const empty = () => ({ reviewer: "", place: 0, ratings: {} });
let state = empty();
let stored = true;
let unsaved = false;
let shownAt = 0;

// Browsers may refuse to store anything for a page opened from a file.
function load() {
  try {
    state = { ...state, ...JSON.parse(localStorage.getItem(KEY) ?? "{}") };
    state.place = Math.min(state.place, data.photos.length - 1);
  } catch {
    stored = false;
  }
}

function keep() {
  unsaved = true;
  try {
    localStorage.setItem(KEY, JSON.stringify(state));
  } catch {
    stored = false;
  }
  tellStorage();
}

function tellStorage() {
  element("storage").textContent = stored
    ? "Your ratings are kept in this browser until you clear them. Save them as CSV when you are done."
    : "This browser keeps nothing of this page: save your ratings before you close it.";
}

const photo = () => data.photos[state.place];
const rating = () => (state.ratings[photo().sha256] ??= { diagnosis: "", map: "", comment: "", seconds: 0 });

function addChoices(fieldset, name, values, chosen) {
  const place = element(fieldset).querySelector(".choices");
  for (const value of values) {
    const label = document.createElement("label");
    const input = Object.assign(document.createElement("input"), { type: "radio", name, value });
    input.addEventListener("change", () => chosen(value));
    label.append(input, value);
    place.append(label);
  }
}

function choose(name, value) {
  for (const input of document.getElementsByName(name)) input.checked = input.value === value;
}

function showProgress() {
  const total = data.photos.length;
  const finished = data.photos.filter(({ sha256 }) => state.ratings[sha256]?.map).length;
  element("finished").max = total;
  element("finished").value = finished;
  element("count").textContent = `${finished} of ${total} finished`;
}

function show() {
  const { size, image } = photo();
  element("place").textContent = `Photo ${state.place + 1} of ${data.photos.length}`;
  element("previous").disabled = state.place === 0;
  element("next").disabled = state.place === data.photos.length - 1;
  element("onward").hidden = element("next").disabled;
  element("stage").style.setProperty("--ratio", size[0] / size[1]);
  element("photo").src = image;
  element("photo").alt = element("place").textContent;
  element("comment").value = rating().comment;
  choose("diagnosis", rating().diagnosis);
  choose("map", rating().map);
  showAnswer();
  showProgress();
  shownAt = performance.now();
}

function showAnswer() {
  const { answer, label, abstention_reason, probabilities, explained, heat, heat_size, contours } = photo();
  const given = Boolean(rating().diagnosis);
  for (const input of document.getElementsByName("diagnosis")) {
    input.disabled = given;
    input.parentElement.hidden = given && !input.checked;
  }
  element("give").hidden = given;
  element("give").disabled = true;
  for (const id of ["answer", "map", "view", "heat"]) element(id).hidden = !given;
  element("contours").toggleAttribute("hidden", !given || !element("show-contours").checked);
  element("caption").textContent = given ? `Map of what speaks for ${explained} (${NAME}).` : "";
  if (!given) return;
  element("heat").src = heat;
  element("heat").style.opacity = element("strength").value / 100;
  element("contours").setAttribute("viewBox", `0 0 ${heat_size} ${heat_size}`);
  element("contours").replaceChildren(...contours.flatMap((path) => ["shadow", ""].map((kind) => drawn(path, kind))));
  element("answered").textContent = `The network's answer: ${answer}`;
  element("abstention_reason").textContent = abstention_reason
    ? `${REASONS[abstention_reason]} The likeliest class is ${label}.`
    : "";
  element("probabilities").replaceChildren(
    ...Object.entries(probabilities).flatMap(([name, value]) => [
      written("dt", name),
      written("dd", `${(100 * value).toFixed(0)} %`),
    ]),
  );
}

function drawn(path, kind) {
  const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
  line.setAttribute("d", path);
  line.setAttribute("class", kind);
  return line;
}

function written(tag, text) {
  return Object.assign(document.createElement(tag), { textContent: text });
}

/** The seconds before the diagnosis, all visits to the photo together. */
function countTime() {
  if (!rating().diagnosis) rating().seconds += (performance.now() - shownAt) / 1000;
  shownAt = performance.now();
}

function go(step) {
  countTime();
  state.place += step;
  keep();
  show();
  element("place").focus();
}

// A spreadsheet would run cells that begin like a formula.
function cell(value) {
  const text = String(value);
  return `"${(/^[=+\-@\t\r]/.test(text) ? `'${text}` : text).replaceAll('"', '""')}"`;
}

function asTable() {
  const rows = data.photos
    .filter(({ sha256 }) => state.ratings[sha256]?.diagnosis)
    .map((of) => {
      const given = state.ratings[of.sha256];
      const row = { ...of, ...given, reviewer: state.reviewer.trim(), seconds: given.seconds.toFixed(1), method: data.method };
      return data.columns.map((name) => cell(row[name])).join(",");
    });
  // Spreadsheets take a table for UTF-8 by its first character.
  return `\uFEFF${[data.columns.join(","), ...rows].join("\r\n")}\r\n`;
}

function tell(text) {
  element("message").textContent = text;
  element("message").hidden = !text;
}

function save() {
  const name = state.reviewer.trim();
  if (!name) {
    tell("Give your name or initials first: they tell your ratings from those of others.");
    element("reviewer").focus();
    return;
  }
  if (!Object.values(state.ratings).some(({ diagnosis }) => diagnosis)) {
    tell("There is no rating to save yet.");
    return;
  }
  tell("");
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([asTable()], { type: "text/csv" }));
  link.download = `review_${name.replace(/[^\p{L}\p{N}]+/gu, "-")}.csv`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  unsaved = false;
}

load();
addChoices("diagnosis", "diagnosis", data.diagnoses, () => {
  element("give").disabled = false;
});
addChoices("map", "map", data.map_ratings, (value) => {
  rating().map = value;
  keep();
  showProgress();
});
element("give").addEventListener("click", () => {
  countTime();
  rating().diagnosis = document.querySelector("[name=diagnosis]:checked").value;
  keep();
  showAnswer();
  element("answered").focus();
});
element("comment").addEventListener("input", () => {
  rating().comment = element("comment").value;
  keep();
});
element("reviewer").addEventListener("input", () => {
  state.reviewer = element("reviewer").value;
  keep();
});
element("clear").addEventListener("click", () => {
  if (!confirm("All ratings given on this sheet in this browser will be gone. Save them first. Clear?")) return;
  state = empty();
  keep();
  unsaved = false;
  element("reviewer").value = "";
  tell("");
  show();
});
element("strength").addEventListener("input", showAnswer);
element("show-contours").addEventListener("change", showAnswer);
element("previous").addEventListener("click", () => go(-1));
element("next").addEventListener("click", () => go(1));
element("onward").addEventListener("click", () => go(1));
element("save").addEventListener("click", save);
addEventListener("beforeunload", (event) => {
  if (unsaved && !stored) event.preventDefault();
});
element("reviewer").value = state.reviewer;
element("help").open = Object.keys(state.ratings).length === 0;
tellStorage();
show();
