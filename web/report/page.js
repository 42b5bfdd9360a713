"use strict";

// The page: its header, facts and tables, and the controls that change the state.

const resume = ({ name }) => `Continue with: puna train --resume ${shellWord(name)}`;
const phaseNotes = {
  stopped: (run) => `Stopped before its last step. ${resume(run)}`,
  failed: ({ problem }) => problem,
  interrupted: (run) => `Not running, and did not end by itself: it was killed. ${resume(run)}`,
};
// A page that should have been written again was left by a run that was killed.
const phaseOf = (run) => (run.phase === "running" && isLost() ? "interrupted" : run.phase);

function addPhase(parent, run) {
  const phase = add(parent, "span", phaseOf(run), `phase ${phaseOf(run)}`);
  if (run.phase === "running" && isLost()) phase.textContent = "no update";
}

function showHeader() {
  const [run] = runs;
  find("h1").textContent = compares ? `${runs.length} runs` : run.name;
  const phase = find("#phase");
  phase.replaceChildren();
  if (!compares) addPhase(phase, run);
  const note = compares || isLost() ? null : phaseNotes[run.phase]?.(run);
  find("#note").textContent = note ?? "";
  find("#note").hidden = !note;
  const bar = find("#progress"), isRunning = !compares && run.phase === "running" && run.planned_steps;
  bar.hidden = !isRunning || isLost();
  if (isRunning) Object.assign(bar, { max: run.planned_steps, value: run.summary.steps });
  const done = isRunning && !isLost() ? percent(run.summary.steps / run.planned_steps) : null;
  document.title = `${done ? `${done} · ` : ""}${runs.map(({ name }) => name).join(", ")}: training report`;
  const left = isRunning && !isLost() ? secondsLeft(run) : null;
  find("#left").textContent = left === null ? "" : `${done}, about ${duration(left)} left`;
}

// The last line of the header goes on by itself.
function showAge() {
  const at = dateAndTime(report.written), ago = `${duration(Math.floor(age()))} ago`;
  const started = compares ? null : runs[0].facts?.started, goesOn = runs.some(({ phase }) => phase === "running");
  find("#pause").hidden = !isExpected();
  find("#pause").setAttribute("aria-pressed", state.pause);
  find("#age").textContent = isLost() ? `No update since ${at} (${ago}): ${compares ? "puna report --watch has ended" : "the run was killed"}, or this is a copy.`
    : isExpected() ? `Updated ${ago}${state.pause ? ", paused" : ""}${started ? `; started ${duration(Date.now() / 1000 - started)} ago` : ""}`
    : goesOn ? `Snapshot of ${at}; puna report --watch keeps such a page up to date`
    : `Written ${at}`;
  find("#age").classList.toggle("lost", isLost());
  if (wasLost !== isLost()) { wasLost = isLost(); showHeader(); showRuns(); }
}
let wasLost = false;

// The last value of a series as it is drawn.
function lastSmoothed(run, name) {
  const series = run.series[name], means = meansOf(series);
  return series.steps.length === 0 ? null : smooth(means, state.smooth, spacingOf(means)).at(-1);
}

function facts(run) {
  const { summary: s } = run, f = run.facts, epochs = epochsOf(run, s.steps), ratio = tokensPerParameter(run);
  const gap = run.series.gap.values.at(-1), join = (...parts) => parts.filter(Boolean).join(", ");
  const best = s.best_step && s.best_step !== run.series.validation_loss.steps.at(-1) ? `best ${fixed(s.best_bits_per_byte ?? s.best_validation_loss)} at step ${count(s.best_step)}` : s.best_step ? "the best so far" : "";
  return [
    ["Steps", count(s.steps), join(run.planned_steps !== null && `of ${count(run.planned_steps)}`, epochs !== null && `epoch ${twoDecimals(epochs)}`)],
    ["Training loss", fixed(lastSmoothed(run, "loss")), s.loss === null ? "" : `nats per token${state.smooth > 0 ? `, smoothed; last step ${fixed(s.loss)}` : ""}`],
    ["Validation", fixed(s.bits_per_byte ?? s.validation_loss), s.validation_loss === null ? (validates ? "not yet" : "none") : join(s.bits_per_byte === null ? "nats per token" : "bits per byte", best)],
    ["Gap", gap === undefined ? none : (gap < 0 ? "−" : "+") + Math.abs(gap).toFixed(3), "validation − training loss, in nats"],
    ["Tokens", compact(s.trained), join("in the loss", ratio !== null && `${threeDigits(ratio)} per parameter`)],
    ["Parameters", f?.parameters ? compact(f.parameters) : none, f?.vocabulary ? `vocabulary of ${count(f.vocabulary)}` : ""],
    ["Throughput", s.tokens_per_second === null ? none : compact(s.tokens_per_second), join("tokens per second, median", s.share !== null && `${percent(s.share)} of peak`)],
    ["Training time", duration(s.seconds), "in steps, without validation and checkpoints"],
  ];
}

function showFacts() {
  const list = find("#facts");
  list.hidden = compares;
  list.replaceChildren();
  for (const [name, value, note] of compares ? [] : facts(runs[0])) {
    const fact = add(list, "div");
    add(fact, "dt", name);
    add(fact, "dd", value);
    if (note) add(fact, "dd", note, "quiet");
  }
}

// A row for each run; the best value of a column stands out.
function showRuns() {
  const table = find("#runs table");
  find("#runs").hidden = !compares;
  if (!compares) return;
  const columns = [
    ["Run", null], ["State", null], ["Steps", ({ summary }) => summary.steps, count], ["Training loss", (run) => lastSmoothed(run, "loss"), fixed, Math.min],
    ["Validation loss", ({ summary }) => summary.validation_loss, fixed, Math.min], ["Bits per byte", ({ summary }) => summary.bits_per_byte, fixed, Math.min],
    ["Best", ({ summary }) => summary.best_bits_per_byte ?? summary.best_validation_loss, fixed, Math.min], ["Tokens", ({ summary }) => summary.trained, compact],
    ["Tokens/s", ({ summary }) => summary.tokens_per_second, compact, Math.max], ["Time", ({ summary }) => summary.seconds, duration],
    ["Parameters", ({ facts }) => facts?.parameters, compact],
  ];
  table.replaceChildren();
  const head = add(add(table, "thead"), "tr");
  for (const [name] of columns) add(head, "th", name).scope = "col";
  const body = add(table, "tbody");
  const best = columns.map(([, of, , choose]) => { const values = of && choose ? runs.map(of).filter((value) => value != null) : []; return values.length > 1 ? choose(...values) : null; });
  for (const run of runs) {
    const row = add(body, "tr", null, isShown(run) ? "" : "off"), button = add(add(row, "th"), "button");
    button.id = `toggle-${run.id}`;
    button.setAttribute("aria-pressed", isShown(run));
    add(button, "i", null, run.index >= 8 ? "swatch dashed" : "swatch").style.color = `var(${run.color})`;
    add(button, "span", run.name);
    button.addEventListener("click", () => { toggle(state.hide, run.id); keepFocus(render); saveState(); });
    const phase = add(row, "td");
    addPhase(phase, run);
    phase.title = phaseNotes[phaseOf(run)]?.(run) ?? "";
    columns.slice(2).forEach(([, of, format], i) => {
      const value = of(run);
      add(row, "td", value == null ? none : format(value), value != null && value === best[i + 2] ? "best" : "");
    });
  }
}

// Of one run everything; of several what differs.
function showDetails() {
  const section = find("#details"), all = runs.map(details);
  section.replaceChildren();
  if (compares) return showDifferences(section, all);
  const command = runs[0].facts?.command;
  if (command?.length) {
    add(section, "h2", "Command");
    add(section, "pre", ["puna", ...command].map(shellWord).join(" "));
  }
  const inRecipe = ([group]) => group.startsWith("Recipe");
  addGroups(section, "About this run", all[0].filter((item) => !inRecipe(item)));
  addGroups(section, "Recipe", all[0].filter(inRecipe).map(([group, ...rest]) => [group.slice("Recipe: ".length), ...rest]));
  if (runs[0].changes.length > 0) add(section, "h2", "Changed during the run");
  for (const change of runs[0].changes) add(section, "p", change);
}

function addGroups(section, title, items) {
  if (items.length === 0) return;
  add(section, "h2", title);
  const groups = add(section, "div", null, "groups");
  for (const group of new Set(items.map(([group]) => group))) {
    const box = add(groups, "div");
    add(box, "h3", group);
    const list = add(box, "dl");
    for (const [, label, value] of items.filter((item) => item[0] === group)) {
      const field = add(list, "div");
      add(field, "dt", label);
      add(field, "dd", value);
    }
  }
}

function showDifferences(section, all) {
  const ignored = new Set(["started", "epochs", "tokens per parameter", "output"]);
  const key = ([group, label]) => `${group}/${label}`, maps = all.map((list) => new Map(list.map((item) => [key(item), item[2]])));
  const items = new Map(all.flat().filter(([, label]) => !ignored.has(label)).map((item) => [key(item), item[1]]));
  const known = (name) => maps.map((map) => map.get(name)).filter((value) => value !== undefined);
  const different = [...items].filter(([name]) => new Set(known(name)).size > 1);
  add(section, "h2", "What differs");
  if (different.length === 0) { add(section, "p", "Nothing in recipes, data and machines.", "quiet"); return; }
  const table = add(add(section, "div", null, "scroll"), "table"), head = add(add(table, "thead"), "tr");
  add(head, "th");
  for (const run of runs) {
    const cell = add(head, "th");
    cell.scope = "col";
    add(cell, "i", null, "swatch").style.color = `var(${run.color})`;
    add(cell, "span", run.name);
  }
  const body = add(table, "tbody");
  for (const [name, label] of different) {
    const row = add(body, "tr");
    add(row, "th", label).scope = "row";
    for (const map of maps) add(row, "td", map.get(name) ?? none);
  }
}

function showZoom() {
  find("#zoom-reset").disabled = state.zoom === null;
}

function showControls() {
  for (const radio of document.querySelectorAll("[name=x]")) radio.checked = radio.value === state.x;
  find("#smooth").value = state.smooth;
  find("#smooth-value").textContent = state.smooth.toFixed(2);
  showZoom();
}

function render() {
  showHeader();
  showFacts();
  showRuns();
  showControls();
  for (const chart of charts) chart.draw();
  showSamples();
}

function listen() {
  for (const radio of document.querySelectorAll("[name=x]")) radio.addEventListener("change", () => changeUnit(radio.value));
  find("#smooth").addEventListener("input", ({ target }) => { state.smooth = +target.value; render(); saveState(); });
  find("#zoom-in").addEventListener("click", () => zoomBy(0.5));
  find("#zoom-out").addEventListener("click", () => zoomBy(2));
  find("#zoom-reset").addEventListener("click", () => zoomTo(null));
  find("#pause").addEventListener("click", () => { state.pause = !state.pause; showAge(); saveState(); });
  addEventListener("hashchange", () => { readState(); render(); });
  document.addEventListener("visibilitychange", reloadWhenDue);
  // Plots are drawn with the colors of the moment: again when the theme changes, and in light colors for paper.
  const redraw = () => charts.forEach(({ plot }) => plot?.redraw(false));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  for (const [event, print] of [["beforeprint", true], ["afterprint", false]])
    addEventListener(event, () => { document.documentElement.classList.toggle("print", print); charts.forEach((chart) => chart.fit()); redraw(); });
}

// What is seen stays what is seen; several runs took their tokens and their time at different steps.
function changeUnit(unit) {
  const before = units[state.x], [run] = runs;
  state.x = unit;
  if (state.zoom) state.zoom = compares ? null : state.zoom.map((x) => units[unit].of(run, before.step(run, x)));
  if (state.zoom && state.zoom[0] >= state.zoom[1]) state.zoom = null;
  render();
  saveState();
}

readState();
for (const list of chartList) new Chart(list, find("#charts"));
listen();
render();
showDetails();
showAge();
setInterval(() => { showAge(); reloadWhenDue(); }, 1000);
if (state.scroll !== null) scrollTo(0, state.scroll);
if (state.focus) document.getElementById(state.focus)?.focus({ preventScroll: true });
if (state.scroll !== null || state.focus) { state.scroll = state.focus = null; saveState(); }
