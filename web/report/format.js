"use strict";

// Numbers, times and texts as a reader wants them.

const number = (options) => { const format = new Intl.NumberFormat("en", options); return (value) => format.format(value); };
const count = number({}), compact = number({ notation: "compact", maximumSignificantDigits: 3 });
const threeDigits = number({ maximumSignificantDigits: 3 }), fiveDigits = number({ maximumSignificantDigits: 5 });
const twoDecimals = number({ maximumFractionDigits: 2 }), whole = number({ maximumFractionDigits: 0 });

const none = "–";
const fixed = (value) => (value == null ? none : value.toFixed(4));
const percent = (share) => `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;

const withMinus = (text) => text.replaceAll("-", "−");

function readable(value) {
  if (value == null) return none;
  const size = Math.abs(value);
  return withMinus(size !== 0 && size < 1e-3 ? value.toExponential(2) : size < 10 ? value.toFixed(4) : size < 1000 ? fiveDigits(value) : whole(value));
}

function bytes(value) {
  const power = value < 1000 ? 0 : Math.min(Math.floor(Math.log10(value) / 3), 4);
  return `${threeDigits(value / 1000 ** power)} ${["B", "kB", "MB", "GB", "TB"][power]}`;
}

// "12,345 tokens", "1 token"
const plural = (n, noun) => `${count(n)} ${noun}${n === 1 ? "" : "s"}`;

// The two largest units: "2 h 5 min", "3 min", "1.5 s".
function duration(seconds) {
  if (seconds < 59.5) return `${seconds > 0 && seconds < 9.95 ? twoDecimals(+seconds.toFixed(1)) : seconds.toFixed(0)} s`;
  const whole = Math.round(seconds), units = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
  const first = units.findIndex(([, size]) => whole >= size), [[name, size], next] = [units[first], units[first + 1]];
  const rest = Math.floor((whole % size) / next[1]);
  return `${count(Math.floor(whole / size))} ${name}${rest > 0 ? ` ${rest} ${next[0]}` : ""}`;
}

// Of Unix seconds, in the reader's time zone.
const dateAndTime = (seconds) => new Date(seconds * 1000).toLocaleString("en", { dateStyle: "medium", timeStyle: "medium", hourCycle: "h23" });

const shellWord = (word) => (/^[\w@%+=:,.\/-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);

const find = (selector) => document.querySelector(selector);

// Text goes into the page as text only: names, samples and recipes may hold anything.
function add(parent, tag, text, className) {
  const element = parent.appendChild(document.createElement(tag));
  if (text != null) element.textContent = text;
  if (className) element.className = className;
  return element;
}
