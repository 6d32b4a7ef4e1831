// Timelines as text, in the formats of serenade.inference.formats.

const FORMULA = /^'*[=+\-@]/;
const NUMBER = /^[+-]?[\d.]+([eE][+-]?\d+)?%?$/;
const UNSAFE = /[\0-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;
const MEDIA_TYPES = {
  flac: "audio/flac", m4a: "audio/mp4", mp3: "audio/mpeg", mp4: "video/mp4", ogg: "audio/ogg", webm: "video/webm",
};
const SHORT = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

function toPrintable(text) {
  return text.replace(UNSAFE, (letter) => {
    const code = letter.charCodeAt(0).toString(16);
    return SHORT[letter] ?? (code.length < 3 && code < "80" ? `\\x${code.padStart(2, "0")}` : `\\u${code.padStart(4, "0")}`);
  });
}

const words = (text) => toPrintable(text).split(/\s+/).filter(Boolean).join("_") || "<NA>";

// Rounds halves to even numbers, as Python does.
function toPercent(share) {
  const value = 100 * share;
  const whole = Math.round(value);
  return `${value % 1 === 0.5 && whole % 2 ? whole - 1 : whole}%`;
}

function describeAdaptation({ adapted_to: count, assumed }) {
  return count ? `adapted to ${count} utterance${count === 1 ? "" : "s"}, ${assumed} expected` : "";
}

function toTime(seconds) {
  const thousandths = Math.round(1000 * seconds);
  const pad = (value, length) => String(Math.floor(value)).padStart(length, "0");
  const [hours, minutes, rest] = [thousandths / 3_600_000, (thousandths / 60_000) % 60, thousandths % 60_000];
  return `${pad(hours, 2)}:${pad(minutes, 2)}:${pad(rest / 1000, 2)}.${pad(rest % 1000, 3)}`;
}

function toCsv(found, labels) {
  const cell = (value) => {
    const text = String(value);
    return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const safe = (text) => (FORMULA.test(text) && !NUMBER.test(text) ? `'${text}` : text);
  const number = (value) => (Number.isInteger(value) ? value.toFixed(1) : value);
  const file = toPrintable(found.file);
  const remarks = found.adapted_to ? ["adapted_to", "assumed"] : [];
  const head = ["file", "duration", "start", "end", "emotion", "probability", ...labels.map(safe), ...remarks];
  const rows = found.segments.map((part) => [
    FORMULA.test(file) ? `./${file}` : file,
    ...[found.duration, part.start, part.end].map(number),
    safe(part.emotion),
    number(part.probability),
    ...labels.map((label) => number(part.probabilities[label])),
    ...remarks.map((name) => found[name]),
  ]);
  return [head, ...rows].map((row) => `${row.map(cell).join()}\r\n`).join("");
}

const escape = (text) => toPrintable(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

function toWebvtt(found, labels) {
  const adaptation = describeAdaptation(found);
  const parts = found.segments.map(({ start, end, emotion, probability, probabilities }) => {
    const shares = labels.map((label) => `${label} ${probabilities[label].toFixed(4)}`).join(", ");
    return `\nNOTE ${escape(shares)}\n\n${toTime(start)} --> ${toTime(end)}\n${escape(emotion)} ${toPercent(probability)}\n`;
  });
  return ["WEBVTT\n", ...(adaptation ? [`\nNOTE ${escape(adaptation)}\n`] : []), ...parts].join("");
}

function toSrt({ segments }) {
  return segments.map(({ start, end, emotion, probability }, i) =>
    `${i + 1}\n${toTime(start)} --> ${toTime(end)}\n`.replaceAll(".", ",") +
    `${emotion.split(/\s+/).join(" ")} ${toPercent(probability)}\n`).join("\n");
}

function toRttm(found) {
  const recording = words(found.file.split("/").at(-1).replace(/(?<=.)\.[^.]*$/, ""));
  const adaptation = describeAdaptation(found);
  const lines = found.segments.map(({ start, end, emotion, probability }) =>
    `SPEAKER ${recording} 1 ${start.toFixed(3)} ${(end - start).toFixed(3)} <NA> <NA> ${words(emotion)} ${probability.toFixed(4)} <NA>\n`);
  return (adaptation ? `;; ${adaptation}\n` : "") + lines.join("");
}

function toAudacity({ segments }) {
  return segments.map(({ start, end, emotion, probability }) =>
    `${start.toFixed(6)}\t${end.toFixed(6)}\t${toPrintable(emotion)} ${toPercent(probability)}\n`).join("");
}

function toTextgrid(found, labels) {
  const adaptation = describeAdaptation(found);
  const tiers = [
    ["emotion", found.segments.map(({ emotion }) => emotion)],
    ...labels.map((label) => [label, found.segments.map((part) => part.probabilities[label].toFixed(4))]),
    ...(adaptation ? [["adaptation", found.segments.map(() => adaptation)]] : []),
  ];
  const total = found.duration.toFixed(6);
  const head = ['File type = "ooTextFile"', 'Object class = "TextGrid"', "", "xmin = 0", `xmax = ${total}`,
    "tiers? <exists>", `size = ${tiers.length}`, "item []:"];
  const lines = tiers.flatMap(([name, texts], i) => [`    item [${i + 1}]:`, ...toTier(name, found.segments, texts, total)]);
  return `${[...head, ...lines].join("\n")}\n`;
}

function toTier(name, segments, texts, total) {
  const quote = (text) => `"${toPrintable(text).replaceAll('"', '""')}"`;
  const intervals = [];
  let last = (0).toFixed(6);
  segments.forEach((part, i) => {
    const [start, end] = [part.start.toFixed(6), part.end.toFixed(6)];
    if (start !== last) intervals.push([last, start, ""]);
    intervals.push([start, end, texts[i]]);
    last = end;
  });
  if (last !== total) intervals.push([last, total, ""]);
  return [
    '        class = "IntervalTier"', `        name = ${quote(name)}`, "        xmin = 0", `        xmax = ${total}`,
    `        intervals: size = ${intervals.length}`,
    ...intervals.flatMap(([start, end, content], i) => [
      `        intervals [${i + 1}]:`, `            xmin = ${start}`, `            xmax = ${end}`,
      `            text = ${quote(content)}`,
    ]),
  ];
}

function toElan(found, labels) {
  const quote = (name) => encodeURIComponent(name).replace(/[!'()*]/g, (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`);
  const escapeQuoted = (content) => escape(content).replaceAll('"', "&quot;");
  const name = toPrintable(found.file.split("/").at(-1));
  const kind = MEDIA_TYPES[name.match(/(?<=.)\.([^.]+)$/)?.[1].toLowerCase()] ?? "audio/x-wav";
  const times = found.segments.flatMap(({ start, end }) => [start, end].map((time) => Math.round(1000 * time)));
  const tiers = [
    ["emotion", found.segments.map(({ emotion }) => emotion)],
    ...labels.map((label) => [`probability ${label}`, found.segments.map((part) => part.probabilities[label].toFixed(4))]),
  ];
  const annotate = (content, id, slot) =>
    `    <ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a${id}" TIME_SLOT_REF1="ts${slot - 1}" TIME_SLOT_REF2="ts${slot}">` +
    `<ANNOTATION_VALUE>${escapeQuoted(content)}</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>`;
  return `${[
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<ANNOTATION_DOCUMENT AUTHOR="serenade" DATE="1970-01-01T00:00:00+00:00" FORMAT="3.0" VERSION="3.0" ' +
      'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" ' +
      'xsi:noNamespaceSchemaLocation="http://www.mpi.nl/tools/elan/EAFv3.0.xsd">',
    '  <HEADER MEDIA_FILE="" TIME_UNITS="milliseconds">',
    `    <MEDIA_DESCRIPTOR MEDIA_URL="${quote(name)}" RELATIVE_MEDIA_URL="./${quote(name)}" MIME_TYPE="${kind}"/>`,
    "  </HEADER>",
    "  <TIME_ORDER>",
    ...times.map((time, i) => `    <TIME_SLOT TIME_SLOT_ID="ts${i + 1}" TIME_VALUE="${time}"/>`),
    "  </TIME_ORDER>",
    ...tiers.flatMap(([tier, contents], i) => [
      `  <TIER TIER_ID="${escapeQuoted(tier)}" LINGUISTIC_TYPE_REF="segments">`,
      ...contents.map((content, j) => annotate(content, i * contents.length + j + 1, 2 * (j + 1))),
      "  </TIER>",
    ]),
    '  <LINGUISTIC_TYPE LINGUISTIC_TYPE_ID="segments" TIME_ALIGNABLE="true" GRAPHIC_REFERENCES="false"/>',
    "</ANNOTATION_DOCUMENT>",
  ].join("\n")}\n`;
}

// Functions that format a result with segments, given the labels of the model.
export const FORMATTERS = {
  csv: toCsv, webvtt: toWebvtt, srt: toSrt, textgrid: toTextgrid, audacity: toAudacity, rttm: toRttm, elan: toElan,
};
