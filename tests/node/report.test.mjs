// The report of training runs, opened in a DOM: the page shows the runs, and no text of a run becomes markup.
// usage: BUILD=build/release node --test tests/node
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, test } from "node:test";

import { JSDOM, VirtualConsole } from "jsdom";

const puna = join(resolve(process.env.BUILD ?? "build/release"), "bin/puna");
const folder = mkdtempSync(join(tmpdir(), "puna-node-"));
after(() => rmSync(folder, { recursive: true }));

const markup = `</script><!--<script>document.title="broken"</script><b>"&amp;`;
const facts = { puna_run: 1, command: ["train", "/home/me/tiny.toml", "--prompt", markup], folder: "/home/me", version: "0.1.0", kernels: "avx2",
  processor: "a processor", threads: 2, processes: 1, started: 1700000000, parameters: 1000000, vocabulary: 2048, rows_per_epoch: 100,
  data: { name: "stories", documents: 7, tokens: 20000, trained: 20000, bytes: 60000 }, validation: { name: "stories/validation" },
  end: "finished", recipe: JSON.stringify({ steps: 200, batch: 2, prompt: markup }) };

// A run of `steps` steps with a validation and a sample every 20 steps, and a gradient norm of 99 at step 50.
function writeRun(name, steps, changes = {}) {
  const path = (file) => join(folder, name, file), lines = { metrics: "", timing: "" };
  mkdirSync(path("checkpoints"), { recursive: true });
  for (let step = 1; step <= steps; ++step) {
    const loss = 2 + 5 / step, sometimes = step % 20 === 0 ? { validation_loss: loss + 0.1, bits_per_byte: (loss + 0.1) / 2,
      sample: { prompt: "Once", text: ` upon step ${step} ${markup}` } } : {};
    lines.metrics += JSON.stringify({ step, loss, learning_rate: 1e-3, gradient_norm: step === 50 ? 99 : 1 + (step % 7) / 10, trained: 512, ...sometimes }) + "\n";
    lines.timing += JSON.stringify({ step, seconds: 0.5, tokens_per_second: 1024, share: 0.5 }) + "\n";
  }
  for (const [file, text] of Object.entries(lines)) writeFileSync(path(`${file}.jsonl`), text);
  writeFileSync(path("checkpoints/run.json"), JSON.stringify({ ...facts, ...changes }));
}

// The page of these runs; changed: what the program would have written at another time.
function pageOf(names, changed = {}) {
  const output = join(folder, "page.html");
  execFileSync(puna, ["report", ...names.map((name) => join(folder, name)), "--output", output, "--force"], { stdio: ["ignore", "ignore", "pipe"] });
  return readFileSync(output, "utf8").replace(/(<script type="application\/json" id="run">)(.*?)(?=<\/script)/s,
    (all, tag, json) => tag + JSON.stringify({ ...JSON.parse(json), ...changed }).replaceAll("<", "\\u003c"));
}

// What the DOM does not have: a canvas that takes every call, observers, media queries, a layout.
function addBrowserParts(window) {
  const context = new Proxy({}, { get: (target, name) => target[name] ?? (() => ({ width: 10 })) });
  window.HTMLCanvasElement.prototype.getContext = () => context;
  window.Path2D = class { moveTo() {} lineTo() {} rect() {} arc() {} closePath() {} };
  window.ResizeObserver = class { observe() {} };
  window.matchMedia = () => ({ matches: false, addEventListener() {} });
  window.scrollTo = () => {};
  Object.defineProperty(window.HTMLElement.prototype, "clientWidth", { get() { return Number.parseFloat(this.style.width) || 640; } });
}

const drawn = () => new Promise(setImmediate);          // plots are drawn after the script that makes them

async function open(page, fragment = "") {
  const problems = [];
  const virtualConsole = new VirtualConsole().on("jsdomError", (problem) => problems.push(problem));
  const dom = new JSDOM(page, { url: `https://example.org/report.html${fragment}`, runScripts: "dangerously", pretendToBeVisual: true, virtualConsole, beforeParse: addBrowserParts });
  await drawn();
  const { window } = dom, { document } = window;
  const press = (selector) => document.querySelector(selector).click();
  const change = (selector, value, event) => {
    const input = document.querySelector(selector);
    input.value = value;
    input.dispatchEvent(new window.Event(event, { bubbles: true }));
  };
  const key = (selector, name, more = {}) => document.querySelector(selector).dispatchEvent(new window.KeyboardEvent("keydown", { key: name, bubbles: true, ...more }));
  after(() => window.close());
  return { window, document, press, change, key, problems, fragment: () => window.location.hash, run: (code) => window.eval(code) };
}

const texts = (parent, selector) => [...parent.querySelectorAll(selector)].map((element) => element.textContent);
const text = (parent, selector) => parent.querySelector(selector).textContent;

writeRun("one", 200);
writeRun("two", 100, { end: "failed", problem: "step 101: the loss is not finite", parameters: 3000000, recipe: JSON.stringify({ steps: 200, batch: 2, learning_rate: 0.5 }) });

test("the report shows the run", async () => {
  const { document, problems } = await open(pageOf(["one"]));
  assert.deepEqual(problems, []);
  assert.equal(document.title, "one: training report");
  assert.equal(text(document, ".phase"), "finished");
  const tiles = Object.fromEntries([...document.querySelectorAll("#facts div")].map((tile) => [text(tile, "dt"), texts(tile, "dd").join("; ")]));
  assert.equal(tiles.Steps, "200; of 200, epoch 4");
  assert.equal(tiles.Validation, "1.0625; bits per byte, the best so far");
  assert.match(tiles.Gap, /^\+0\.0\d\d; /);
  assert.equal(tiles.Tokens, "102K; in the loss, 0.102 per parameter");
  assert.equal(tiles.Parameters, "1M; vocabulary of 2,048");
  assert.equal(tiles["Training time"], "1 min 40 s; in steps, without validation and checkpoints");
  assert.deepEqual(texts(document, "figcaption .title"), ["Lossnats per token", "Validationbits per byte", "Generalization gapvalidation − training loss",
    "Learning rate", "Gradient normbefore clipping", "Throughputtokens per second"]);
  assert.equal(document.querySelectorAll("canvas").length, 6);
  assert.match(document.querySelector("#plot-bits_per_byte").getAttribute("aria-label"), /^Validation, bits per byte; validation 1.1750 at step 20, 1.0625 at step 200$/);
  const shown = document.querySelector("#details").textContent;
  for (const part of ["7 documents, 20,000 tokens, 60 kB", "a processor", "puna 0.1.0", "stories/validation", "1,000,000", "4 of 4"]) assert.ok(shown.includes(part), part);
  assert.ok(text(document, "pre").startsWith("puna train tiny.toml --prompt '</script>"));
  assert.equal(document.querySelectorAll("#details b").length, 0);
});

test("the recipe lists what had an effect, the data their sizes", async () => {
  writeRun("sized", 20, { validation: { ...facts.data, name: "stories/validation" }, recipe: JSON.stringify({ steps: 20, validation: "stories/validation" }) });
  const { document } = await open(pageOf(["sized"]));
  const shown = texts(document, "#details dt");
  for (const label of ["training set size", "validation set size", "steps", "validation_rows"]) assert.ok(shown.includes(label), label);
  assert.ok(!shown.includes("decay_share"));
  assert.equal(shown.filter((label) => label === "epochs").length, 1, "those of the data, not 0 in the recipe");
});

test("the last label of the x axis is not cut off", async () => {
  writeRun("long", 4000, { recipe: JSON.stringify({ steps: 4000, batch: 2 }) });
  const { run } = await open(pageOf(["long"]));
  const room = run(`(() => {
    const { plot } = charts[0], axis = plot.axes[0], labels = axis._values, ticks = axis._splits;
    return { label: labels.at(-1), space: plot.width - plot.valToPos(ticks.at(-1), "x", true) / uPlot.pxRatio };
  })()`);
  assert.ok(room.space >= 7 * room.label.length / 2, JSON.stringify(room));
});

test("samples are shown by step, the last one first", async () => {
  const { document, press, change, fragment } = await open(pageOf(["one"]));
  assert.deepEqual(texts(document, "#sample-list .text"), [`Once upon step 200 ${markup}`]);
  assert.equal(text(document, "#sample-list .text b"), "Once");
  change("#sample", 0, "input");
  assert.deepEqual(texts(document, "#sample-list .text"), [`Once upon step 20 ${markup}`]);
  assert.equal(fragment(), "#sample=20");
  press("#sample-on");
  assert.equal(text(document, "#sample-position"), "step 40, 2 of 10");
  press("#all-samples");
  assert.equal(texts(document, "#sample-list h3")[0].split(" · ")[0], "step 200");
  assert.equal(document.querySelectorAll("#sample-list article").length, 10);
});

test("a sample of a chat is a question and its answer", async () => {
  writeRun("chat", 40, { data: { ...facts.data, conversations: true } });
  const { document } = await open(pageOf(["chat"]));
  assert.equal(text(document, ".question"), "Once");
  assert.equal(text(document, ".answer"), ` upon step 40 ${markup}`);
});

test("what the reader chooses is kept in the fragment", async () => {
  const first = await open(pageOf(["one"]));
  first.press("[name=x][value=tokens]");
  first.change("#smooth", "0.9", "input");
  first.press("#log-loss");
  first.press("#outliers-gradient_norm");
  first.press("#show-loss-validation_loss");
  first.press("#zoom-in");
  first.press("#zoom-in");
  first.key("#plot-loss", "ArrowRight", { shiftKey: true });
  first.change("#sample", 2, "input");
  const kept = first.fragment();
  assert.equal(kept, "#x=tokens&zoom=43520,69120&smooth=0.9&log=loss&outliers=gradient_norm&hide=validation_loss&sample=60");
  const again = await open(pageOf(["one"]), kept);
  assert.deepEqual(again.problems, []);
  assert.equal(again.fragment(), kept);
  assert.equal(again.run("JSON.stringify(visibleRange())"), "[43520,69120]");
  assert.equal(again.document.querySelector("#smooth").value, "0.9");
  assert.equal(again.document.querySelector("[name=x]:checked").value, "tokens");
  assert.equal(text(again.document, "#sample-position"), "step 60, 3 of 10");
  again.key("#plot-loss", "Escape");
  assert.equal(again.run("JSON.stringify(visibleRange())"), "[0,102400]");
});

test("a fragment may hold anything", async () => {
  const { document, problems } = await open(pageOf(["one"]), "#x=constructor&zoom=9,1&smooth=x&log=<b>&hide=,,&sample=1e99&scroll=-1&focus=%00&nonsense");
  assert.deepEqual(problems, []);
  assert.equal(document.querySelector("[name=x]:checked").value, "steps");
  assert.equal(text(document, "#sample-position"), "step 200, 10 of 10");
});

test("the cursor reads all values, with step, tokens and time", async () => {
  const { document, key } = await open(pageOf(["one"]));
  const label = () => text(document, "#plot-loss .readout");
  key("#plot-loss", "End");
  key("#plot-loss", "ArrowLeft");
  assert.match(label(), /^step 198 · 101K tokens · 1 min 39 s$/);
  assert.match(text(document, "#announcement"), /^step 198 .*, training 2\.0\d+, validation 2\.1250$/);
  key("#plot-loss", "Home");
  assert.match(label(), /^step 0 · 0 tokens · 0 s$/);
  assert.match(texts(document, ".legend")[0], /^training7\.0000 raw 7\.0000validation2\.3500$/);
});

test("an outlier does not flatten its chart", async () => {
  const { document, press, run } = await open(pageOf(["one"]));
  const top = () => run(`charts.find(({ id }) => id === "gradient_norm").plot.scales.y.max`);
  assert.ok(top() < 3, `${top()}`);
  assert.equal(text(document, "#outliers-gradient_norm"), "1 outlier");
  press("#outliers-gradient_norm");
  await drawn();
  assert.ok(top() > 99, `${top()}`);
});

test("smoothing is an average over the last values", async () => {
  const { run } = await open(pageOf(["one"]));
  const smoothed = (weight) => JSON.parse(run(`JSON.stringify(smooth({ steps: [1, 2, 3, 5], values: [1, 3, 3, 7] }, ${weight}, 1))`));
  assert.deepEqual(smoothed(0), [1, 3, 3, 7]);
  const [a, b, c, d] = smoothed(0.5);
  assert.equal(a, 1);
  assert.ok(Math.abs(b - 7 / 3) < 1e-12 && Math.abs(c - 19 / 7) < 1e-12 && Math.abs(d - (0.25 * 2.375 + 0.75 * 7) / (1 - 1 / 32)) < 1e-12, [b, c, d].join());
});

test("a running run reloads its page, a dead one and one that has ended do not", async () => {
  const now = Math.floor(Date.now() / 1000), running = (changes) => {
    const [run] = JSON.parse(pageOf(["one"]).match(/id="run">(.*?)<\/script/s)[1]).runs;
    return pageOf(["one"], { runs: [{ ...run, phase: "running", planned_steps: 400 }], ...changes });
  };
  const live = await open(running({ written: now, next: 30 }));
  assert.equal(text(live.document, ".phase"), "running");
  assert.equal(live.document.title, "50 % · one: training report");
  assert.match(text(live.document, "#left"), /^50 %, about 1 min 40 s left$/);
  assert.match(text(live.document, "#age"), /^Updated \d s ago; started /);
  assert.equal(live.run("isExpected()"), true);
  live.press("#pause");
  assert.equal(live.fragment(), "#pause=1");
  assert.equal(live.run("canReload()"), false);

  const late = await open(running({ written: now - 100, next: 30 }));
  assert.equal(late.run("isExpected()"), true, "a validation may take its time");
  const dead = await open(running({ written: now - 1000, next: 30 }));
  assert.equal(dead.run("isExpected()"), false);
  assert.equal(text(dead.document, ".phase"), "no update");
  assert.match(text(dead.document, "#age"), /^No update since .* \(16 min \d+ s ago\): the run was killed, or this is a copy\.$/);
  assert.equal(dead.document.querySelector("#pause").hidden, true);

  const copy = await open(running({ written: now - 1000, next: 0 }));
  assert.match(text(copy.document, "#age"), /^Snapshot of /);
  const ended = await open(pageOf(["two"]));
  assert.equal(ended.run("isExpected()"), false);
  assert.equal(text(ended.document, ".phase"), "failed");
  assert.equal(text(ended.document, "#note"), "step 101: the loss is not finite");
});

test("several runs are compared", async () => {
  const { document, press, fragment, problems } = await open(pageOf(["one", "two"]));
  assert.deepEqual(problems, []);
  assert.equal(text(document, "h1"), "2 runs");
  const rows = [...document.querySelectorAll("#runs tbody tr")].map((row) => texts(row, "th, td"));
  assert.deepEqual(rows.map((row) => row.slice(0, 3)), [["one", "finished", "200"], ["two", "failed", "100"]]);
  assert.deepEqual(texts(document, "#runs .best"), [rows[0][3], "2.1250", "1.0625", "1.0625", "1.02K", "1.02K"]);
  const different = [...document.querySelectorAll("#details tbody tr")].map((row) => texts(row, "th, td"));
  assert.deepEqual(different, [["parameters", "1,000,000", "3,000,000"], ["learning_rate", "0.001", "0.5"], ["prompt", markup, "–"]]);
  assert.deepEqual(texts(document, "#sample-list h3 span").map((heading) => heading.split(" · ")[0]), ["one, step 200", "two, step 100"]);
  press("#toggle-run1");
  assert.equal(fragment(), "#hide=run1");
  assert.deepEqual(texts(document, "#sample-list h3 span").length, 1);
  assert.equal(document.querySelector("#toggle-run1").getAttribute("aria-pressed"), "false");
  press("#toggle-run0");
  assert.equal(document.querySelectorAll("canvas").length, 0, "nothing is left to draw");
});

test("what is unknown of a run is no difference", async () => {
  writeRun("unknown", 20);
  writeFileSync(join(folder, "unknown/checkpoints/run.json"), "damaged");
  const { document } = await open(pageOf(["one", "unknown"]));
  assert.equal(text(document, "#details p"), "Nothing in recipes, data and machines.");
});

test("a short run is not smoothed at first", async () => {
  const { document } = await open(pageOf(["unknown"]));
  assert.equal(text(document, "#smooth-value"), "0.00");
  assert.equal(text(document, "#facts div:nth-child(2) dd:last-of-type"), "nats per token");
});

test("a run without measurements is shown as such", async () => {
  writeRun("new", 0, { end: "none" });
  writeFileSync(join(folder, "new/checkpoints/run.json"), "damaged");
  const { document, problems } = await open(pageOf(["new"]));
  assert.deepEqual(problems, []);
  assert.deepEqual(texts(document, "figure p"), Array(4).fill("No measurements yet"));
  assert.deepEqual(texts(document, "#facts dd:first-of-type"), ["0", "–", "–", "–", "0", "–", "–", "0 s"]);
  assert.equal(document.querySelector("#samples").hidden, true);
});

test("the plots' library is npm's", () => {
  for (const [ours, theirs] of [["uPlot.iife.min.js", "dist/uPlot.iife.min.js"], ["uPlot.min.css", "dist/uPlot.min.css"], ["LICENSE", "LICENSE"]])
    assert.equal(readFileSync(join("web/uplot", ours), "utf8"), readFileSync(new URL(`node_modules/uplot/${theirs}`, import.meta.url), "utf8"), ours);
});
