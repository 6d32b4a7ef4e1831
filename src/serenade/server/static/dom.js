// Elements, and texts and faults in the person's language.

import { TEXTS } from "./texts.js";

const KEPT = "serenade-language";

export const $ = (id) => document.getElementById(id);

let language = "en";

// The language that was chosen before, else the first of the browser's that the page speaks.
export function findLanguage() {
  const wanted = [readKept(), ...(navigator.languages ?? [navigator.language])];
  return wanted.map((tag) => (tag ?? "").slice(0, 2).toLowerCase()).find((tag) => tag in TEXTS) ?? "en";
}

export function chooseLanguage(chosen, keep = false) {
  language = chosen;
  document.documentElement.lang = chosen;
  document.title = text("title");
  if (keep) {
    try {
      localStorage.setItem(KEPT, chosen);
    } catch {
      // Storage may be forbidden; the choice then lasts as long as the page.
    }
  }
  for (const element of document.querySelectorAll("[data-text]")) element.textContent = text(element.dataset.text);
  for (const element of document.querySelectorAll("[data-label]")) {
    element.setAttribute("aria-label", text(element.dataset.label));
  }
}

function readKept() {
  try {
    return localStorage.getItem(KEPT);
  } catch {
    return null;
  }
}

// A text with its {places} filled; English where a translation is missing.
export function text(key, values = {}) {
  const found = TEXTS[language][key] ?? TEXTS.en[key] ?? key;
  return found.replace(/\{(\w+)\}/g, (place, name) => values[name] ?? place);
}

export const hasText = (key) => key in TEXTS[language];
export const nameEmotion = (label) => TEXTS[language].emotions[label.toLowerCase()] ?? label;
export const percent = (share) => new Intl.NumberFormat(language, { style: "percent" }).format(share);
export const decimal = (value) =>
  new Intl.NumberFormat(language, { maximumFractionDigits: 1, minimumFractionDigits: 1 }).format(value);

// A fault of a kind. Its message is a text, or a function that gives it in the person's language.
export class Failure extends Error {
  constructor(kind, message) {
    super(typeof message === "function" ? message() : message);
    this.kind = kind;
    if (typeof message === "function") this.translate = message;
  }
}

export const makeCancelled = () => new Failure("Cancelled", () => text("cancelled"));

// Describes a fault, in the person's language if the page has a text for its kind; other messages
// are English.
export function explain(error, file = "") {
  if (error.kind === "Unauthorized") {
    if (document.activeElement !== $("language")) $("key").focus();
    return text("keyWrong");
  }
  const known = `error${error.kind}`;
  return hasText(known) ? text(known, { file }) : error.translate?.() ?? (error.message || String(error));
}

// Seconds below a minute, else minutes or hours.
export function duration(seconds) {
  return seconds < 60 ? `${decimal(seconds)} s` : clock(seconds);
}

export function clock(seconds) {
  const whole = Math.floor(seconds);
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const tail = `${String(minutes).padStart(hours ? 2 : 1, "0")}:${String(rest).padStart(2, "0")}`;
  return hours ? `${hours}:${tail}` : tail;
}

// An element with attributes; functions become listeners ("onclick").
export function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(key.slice(2), value);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== false && value != null) element.setAttribute(key, value);
  }
  element.append(...children);
  return element;
}
