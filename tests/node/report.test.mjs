// The report of a training run, opened in a DOM: the page shows the run, and no text of the run becomes markup.
// usage: BUILD=build/release node --test tests/node
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { test } from "node:test";

import { JSDOM, VirtualConsole } from "jsdom";

const puna = join(resolve(process.env.BUILD ?? "build/release"), "bin/puna");
const prompt = `</script><!--<script>document.title="broken"</script><b>"&amp;`;

function train() {
  const folder = mkdtempSync(join(tmpdir(), "puna-node-"));
  try {
    const path = (name) => join(folder, name);
    const run = (...args) => execFileSync(puna, args, { stdio: ["ignore", "ignore", "pipe"] });
    writeFileSync(path("text.txt"), "The cat sat on the mat. ".repeat(2000));
    run("tokenizer", "train", path("text.txt"), "--output", path("tokenizer"), "--vocabulary", "280");
    run("data", "pack", path("text.txt"), "--tokenizer", path("tokenizer"), "--output", path("data"));
    run("train", "--data", path("data"), "--validation", path("data"), "--output", path("run"), "--steps", "7", "--validate-every", "2",
      "--batch", "2", "--length", "32", "--dim", "32", "--layers", "1", "--heads", "2", "--kv-heads", "1", "--ffn", "64", "--prompt", prompt);
    return { page: readFileSync(path("run/report.html"), "utf8"), log: readFileSync(path("run/metrics.jsonl"), "utf8") };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

// What the DOM does not have: a canvas that takes every call, observers, media queries.
function addBrowserParts(window) {
  const context = new Proxy({}, { get: (target, name) => target[name] ?? (() => ({ width: 10 })) });
  window.HTMLCanvasElement.prototype.getContext = () => context;
  window.Path2D = class { moveTo() {} lineTo() {} rect() {} arc() {} closePath() {} };
  window.ResizeObserver = class { observe() {} };
  window.matchMedia = () => ({ matches: false, addEventListener() {} });
}

async function open(page) {
  const problems = [];
  const virtualConsole = new VirtualConsole().on("jsdomError", (problem) => problems.push(problem));
  const { window } = new JSDOM(page, { runScripts: "dangerously", virtualConsole, beforeParse: addBrowserParts });
  await new Promise(setImmediate);          // plots are drawn after the script
  assert.deepEqual(problems, []);
  return window.document;
}

const texts = (parent, selector) => [...parent.querySelectorAll(selector)].map((element) => element.textContent);

test("the report shows the run", async () => {
  const { page, log } = train();
  const document = await open(page);
  assert.equal(document.title, "run: training report");
  assert.equal(document.querySelector(".status").textContent, "finished");

  const last = JSON.parse(log.trimEnd().split("\n").pop());
  const [steps, loss, validation] = texts(document, ".facts dd:first-of-type");
  assert.deepEqual([steps, loss, validation], ["7", last.loss.toFixed(4), last.bits_per_byte.toFixed(4)]);

  assert.equal(document.querySelectorAll("canvas").length, 5);
  assert.deepEqual(texts(document, "figcaption"),
    ["Loss, nats per token", "Validation, bits per byte", "Learning rate", "Gradient norm before clipping", "Speed, tokens per second"]);
  const labels = [...document.querySelectorAll("[role=img]")].map((plot) => plot.getAttribute("aria-label"));
  assert.match(labels[0], /^Loss, nats per token; training [\d.]+ at step 1, [\d.]+ at step 7; validation [\d.]+ at step 2, [\d.]+ at step 7$/);
  assert.match(texts(document, ".u-legend")[0], /step:?7.*training:?[\d.]+.*validation:?[\d.]+/s);

  const recipe = Object.fromEntries([...document.querySelectorAll(".recipe div")].map((field) => texts(field, "dt, dd")));
  assert.equal(recipe.steps, "7");
  assert.equal(recipe.from, "–");
  assert.equal(recipe.prompt, prompt);
  assert.equal(document.querySelectorAll("b").length, 0);
});

test("a run without measurements or recipe is shown as such", async () => {
  const empty = { steps: [], values: [] };
  const run = { name: "<i>new", written: "now", status: "not finished", kernels: "avx2", planned_steps: null, recipe: null,
    summary: { steps: 0, trained: 0, loss: null, bits_per_byte: null, best_bits_per_byte: null, seconds: 3725, tokens_per_second: null, share: null },
    series: { loss: empty, validation_loss: empty, bits_per_byte: empty, learning_rate: empty, gradient_norm: empty, tokens_per_second: empty } };
  const built = train().page.replace(/(<script type="application\/json" id="run">).*?(?=<\/script)/s, (all, tag) => tag + JSON.stringify(run));
  const document = await open(built);
  assert.equal(document.querySelector("h1").textContent, "<i>new");
  assert.deepEqual(texts(document, "figure p"), Array(5).fill("no measurements yet"));
  assert.deepEqual(texts(document, ".facts dd:first-of-type"), ["0", "–", "–", "0", "1 h 2 min", "–"]);
  assert.equal(document.querySelector("#recipe").hidden, true);
});

test("the plots' library is npm's", () => {
  for (const [ours, theirs] of [["uPlot.iife.min.js", "dist/uPlot.iife.min.js"], ["uPlot.min.css", "dist/uPlot.min.css"], ["LICENSE", "LICENSE"]])
    assert.equal(readFileSync(join("web/uplot", ours), "utf8"), readFileSync(new URL(`node_modules/uplot/${theirs}`, import.meta.url), "utf8"), ours);
});
