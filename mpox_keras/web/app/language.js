// The page's words. Each language is one JSON file; the text of every element with a data-text attribute comes from there.

export const LANGUAGES = ["en", "fr", "es", "pt", "sw", "ar"];
const RIGHT_TO_LEFT = ["ar"];

let words = {};
let current = "en";

/**
 * Take the language that the address asks for (`?language=fr`), else the first of the browser's that there is.
 */
export function preferredLanguage() {
  const asked = new URLSearchParams(location.search).get("language");
  const wanted = [asked, ...navigator.languages].map((name) => name?.split("-")[0]);
  return wanted.find((name) => LANGUAGES.includes(name)) ?? "en";
}

/** Load a language and show the page in it. */
export async function useLanguage(name) {
  words = await (await fetch(`languages/${name}.json`)).json();
  current = name;
  document.documentElement.lang = name;
  document.documentElement.dir = RIGHT_TO_LEFT.includes(name) ? "rtl" : "ltr";
  document.title = text("title");
  fillWords(document);
}

/** Give all elements below `root` the words that their data-text and data-label ask for. */
export function fillWords(root) {
  for (const element of root.querySelectorAll("[data-text]")) element.textContent = text(element.dataset.text);
  for (const element of root.querySelectorAll("[data-label]")) {
    element.setAttribute("aria-label", text(element.dataset.label));
  }
}

/**
 * The words for `key`, with `{name}` replaced by `values.name`.
 *
 * @param {string} key
 * @param {Object<string, string|number>} values
 */
export function text(key, values = {}) {
  const found = words[key] ?? key;
  return found.replace(/\{(\w+)\}/g, (_, name) => (typeof values[name] === "number" ? number(values[name]) : values[name]));
}

/** Whether the language has words for `key`. */
export const hasText = (key) => key in words;

/** A class of the bundle in the page's language, or as the bundle calls it. */
export const className = (label) => (hasText(`class_${label}`) ? text(`class_${label}`) : label);

/** 0.934 -> 93 %, in the language's digits; never 0 or 100, of which no network is sure. */
export function percent(value, digits = 0) {
  const format = (share) => new Intl.NumberFormat(current, { style: "percent", maximumFractionDigits: digits }).format(share);
  const least = 10 ** (-2 - digits);
  // Kept from left to right, or Arabic would mirror the signs.
  if (value < least) return `\u2066<\u00a0${format(least)}\u2069`;
  if (value > 1 - least) return `\u2066>\u00a0${format(1 - least)}\u2069`;
  return format(value);
}

/** A number in the language's digits. */
export const number = (value, digits = 0) => new Intl.NumberFormat(current, { maximumFractionDigits: digits }).format(value);

/** Now, in the language's way. */
export const dateAndTime = (date) => new Intl.DateTimeFormat(current, { dateStyle: "medium", timeStyle: "short" }).format(date);
