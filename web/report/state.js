"use strict";

// What the reader has chosen. It lives in the URL's fragment, so that it survives the page's reloads and can be shared:
// #x=tokens&zoom=100,200&smooth=0.9&log=loss&outliers=loss&hide=run1&sample=500&samples=all&pause=1
// `scroll` and `focus` are there only while the page reloads itself.

const defaultSmoothing = runs.some(({ summary }) => summary.steps >= 100) ? 0.6 : 0;      // few steps need none
const state = {};

function readState() {
  const given = new URLSearchParams(location.hash.slice(1));
  const list = (name) => new Set((given.get(name) ?? "").split(",").filter(Boolean));
  const finite = (name) => { const value = Number.parseFloat(given.get(name)); return Number.isFinite(value) ? value : null; };
  const zoom = (given.get("zoom") ?? "").split(",").map(Number);
  Object.assign(state, {
    x: Object.hasOwn(units, given.get("x")) ? given.get("x") : "steps",
    zoom: zoom.length === 2 && zoom[0] < zoom[1] ? zoom : null,
    smooth: Math.min(Math.max(finite("smooth") ?? defaultSmoothing, 0), 0.99),
    log: list("log"), outliers: list("outliers"), hide: list("hide"),
    sample: finite("sample"), allSamples: given.get("samples") === "all",
    pause: given.has("pause"), scroll: finite("scroll"), focus: given.get("focus"),
  });
}

function stateText(more = {}) {
  const text = new URLSearchParams();
  const put = (name, value, isDefault) => { if (!isDefault) text.set(name, value); };
  put("x", state.x, state.x === "steps");
  put("zoom", state.zoom?.map((value) => +value.toPrecision(6)).join(","), !state.zoom);
  put("smooth", state.smooth, state.smooth === defaultSmoothing);
  for (const name of ["log", "outliers", "hide"]) put(name, [...state[name]].join(","), state[name].size === 0);
  put("sample", state.sample, state.sample === null);
  put("samples", "all", !state.allSamples);
  put("pause", 1, !state.pause);
  for (const [name, value] of Object.entries(more)) put(name, value, !value);
  return text.toString().replaceAll("%2C", ",");
}

function saveState(more) {
  const text = stateText(more);
  try {
    history.replaceState(null, "", text ? `#${text}` : location.pathname + location.search);
  } catch { }                                // a browser may limit how often; the next call has it all
}

const toggle = (set, key) => { if (!set.delete(key)) set.add(key); };
const isShown = (run) => !compares || !state.hide.has(run.id);

// The page of a running training: when it was written, and when it is written next.
const grace = 3 * report.next + 60;          // later than that it is long overdue: a validation may take its time
const age = () => Math.max(0, Date.now() / 1000 - report.written);
const isExpected = () => report.next > 0 && age() <= grace;
const isLost = () => report.next > 0 && !isExpected();

let isDragging = false;
addEventListener("pointerdown", () => { isDragging = true; });
for (const event of ["pointerup", "pointercancel"]) addEventListener(event, () => { isDragging = false; });

// A page from a file may not fetch, but it may load itself again.
function reload() {
  saveState({ scroll: Math.round(scrollY), focus: document.activeElement?.id });
  location.reload();
}

// Not while nobody looks, or while a selection would be lost.
const canReload = () => !state.pause && !document.hidden && !isDragging && String(getSelection()) === "";

// A slow step may make the program announce a late time; the page looks earlier.
const earliestReload = Date.now() + 1000 * Math.min(Math.max(report.next + 1 - age(), 5), 20);
function reloadWhenDue() {
  if (isExpected() && canReload() && Date.now() >= earliestReload) reload();
}
