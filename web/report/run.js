"use strict";

// The runs of the page, as src/train/report_run.cpp writes them, and what is computed from them.

const report = JSON.parse(find("#run").textContent);
const runs = report.runs.map((run, index) => ({ ...run, index, id: `run${index}`, color: `--run${index % 8}` }));
const compares = runs.length > 1;

// The value at x of a piecewise linear, ascending curve through the origin; clamped beyond its end.
function interpolate(xs, ys, x) {
  let low = -1, high = xs.length - 1;          // xs[low] < x <= xs[high]
  if (high < 0 || x >= xs[high]) return ys[high] ?? 0;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (xs[middle] < x) low = middle; else high = middle;
  }
  const [x0, y0] = low < 0 ? [0, 0] : [xs[low], ys[low]];
  return xs[high] === x0 ? ys[high] : y0 + (ys[high] - y0) * (x - x0) / (xs[high] - x0);
}

// Where a step is on the x axis, in steps, tokens or seconds, and back.
const units = {
  steps: { label: "Steps", axis: "step", of: (run, step) => step, step: (run, x) => x },
  tokens: { label: "Tokens", axis: "tokens in the loss", ...converted("trained") },
  time: { label: "Time", axis: "training time", ...converted("seconds") },
};
function converted(name) {
  return { of: (run, step) => interpolate(run.series[name].steps, run.series[name].values, step),
    step: (run, x) => interpolate(run.series[name].values, run.series[name].steps, x) };
}

// The averages of a noisy series that is long, else its values: what is smoothed.
const meansOf = (series) => series.means ?? series;

// Exponential moving average with TensorBoard's debiasing. A distance of n times `spacing` steps counts as n values, so
// that runs of different lengths are smoothed alike.
function smooth({ steps, values }, weight, spacing) {
  let mean = 0, missing = 1, last = steps[0] - spacing;
  return values.map((value, i) => {
    const keep = weight ** ((steps[i] - last) / spacing);
    last = steps[i];
    mean = keep * mean + (1 - keep) * value;
    missing *= keep;
    return mean / (1 - missing);
  });
}

const spacingOf = ({ steps }) => (steps.length > 1 ? (steps.at(-1) - steps[0]) / (steps.length - 1) : 1);

const tokensPerParameter = ({ summary, facts }) => (facts?.parameters ? summary.trained / facts.parameters : null);
const epochsOf = (run, steps) => (run.facts?.rows_per_epoch && run.batch ? steps * run.batch / run.facts.rows_per_epoch : null);

// Of the last twentieth of the run, which knows a slower machine.
function secondsLeft(run) {
  const { steps, values } = run.series.seconds, last = steps.at(-1);
  if (!last || !run.planned_steps) return null;
  const from = Math.min(last - 1, Math.floor(last * 0.95));
  const each = (values.at(-1) - interpolate(steps, values, from)) / (last - from);
  return Math.max(0, run.planned_steps - run.summary.steps) * each;
}

function describeSet({ conversations, documents, tokens, trained, bytes: size }) {
  const loss = trained < tokens * 0.99 ? `, ${count(trained)} in the loss` : "";
  return `${plural(documents, conversations ? "conversation" : "document")}, ${plural(tokens, "token")}${loss}, ${bytes(size)}`;
}

// What is known about a run beside its curves: [group, label, value].
function details(run) {
  const { facts, recipe, summary } = run, list = [];
  const put = (group, label, value) => { if (value != null && value !== "") list.push([group, label, String(value)]); };
  if (facts) {
    put("Run", "started", facts.started ? dateAndTime(facts.started) : null);
    put("Run", "version", facts.version && `puna ${facts.version}`);
    put("Run", "processor", facts.processor);
    put("Run", "kernels", facts.kernels);
    put("Run", "threads", facts.threads && (facts.processes > 1 ? `${facts.threads} in each of ${facts.processes} processes` : facts.threads));
    put("Data", "training set", facts.data.name);
    put("Data", "training set size", describeSet(facts.data));
    const epochs = epochsOf(run, summary.steps), planned = epochsOf(run, run.planned_steps);
    put("Data", "epochs", epochs == null ? null : `${twoDecimals(epochs)}${planned ? ` of ${twoDecimals(planned)}` : ""}`);
    put("Data", "validation set", facts.validation?.name ?? "none");
    put("Data", "validation set size", facts.validation && describeSet(facts.validation));
    put("Model", "parameters", facts.parameters && count(facts.parameters));
    put("Model", "tokens per parameter", facts.parameters && threeDigits(tokensPerParameter(run)));
    put("Model", "vocabulary", facts.vocabulary && plural(facts.vocabulary, "token"));
  }
  for (const { group, name, value } of recipe ?? []) put(`Recipe: ${group}`, name, value || none);
  return list;
}
