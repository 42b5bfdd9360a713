"use strict";

// Texts that the models generated, by step: one at a time to see them get better, or all of them, latest first.

const sampleSteps = () => [...new Set(runs.filter(isShown).flatMap(({ samples }) => samples.map(({ step }) => step)))].sort((a, b) => a - b);

// The position in `steps` of the chosen step, or of the last one.
const chosenSample = (steps) => (state.sample === null ? steps.length - 1 : Math.max(0, nearestIndex(steps, state.sample)));

function chooseSample(index) {
  const steps = sampleSteps();
  state.sample = index >= steps.length - 1 ? null : steps[Math.max(0, index)];
  showSamples();
  saveState();
}

// Of a chat, question and answer; else the text with its prompt set apart.
function addSample(parent, run, { step, prompt, text }, heading) {
  const sample = add(parent, "article"), head = add(sample, "h3");
  if (compares) add(head, "i", null, "swatch").style.color = `var(${run.color})`;
  add(head, "span", heading);
  if (run.facts?.data.conversations && prompt) {
    sample.className = "chat";
    add(sample, "p", prompt, "question");
    add(sample, "p", text || "(no answer)", text ? "answer" : "answer quiet");
  } else {
    const paragraph = add(sample, "p", null, "text");
    add(paragraph, "b", prompt);
    paragraph.append(text);
  }
}

const sampleHeading = (run, step) => {
  const { steps, values } = meansOf(run.series.loss), at = nearestIndex(steps, step);
  const loss = at < 0 ? "" : ` · loss ${values[at].toFixed(2)}`;
  return `${compares ? `${run.name}, ` : ""}step ${count(step)}${loss}`;
};

function showSamples() {
  const steps = sampleSteps(), list = find("#sample-list"), at = chosenSample(steps);
  find("#samples").hidden = steps.length === 0;
  if (steps.length === 0) return;
  const slider = find("#sample");
  Object.assign(slider, { max: steps.length - 1, value: at });
  slider.setAttribute("aria-valuetext", `step ${steps[at]}`);
  find("#sample-position").textContent = `step ${count(steps[at])}, ${at + 1} of ${steps.length}`;
  find("#sample-back").disabled = at === 0;
  find("#sample-on").disabled = at === steps.length - 1;
  find("#all-samples").setAttribute("aria-pressed", state.allSamples);
  find("#sample-choice").hidden = state.allSamples || steps.length === 1;
  find("#all-samples").hidden = steps.length === 1;
  list.replaceChildren();
  list.classList.toggle("side-by-side", compares);
  for (const step of state.allSamples ? [...steps].reverse() : [steps[at]])
    for (const run of runs.filter(isShown)) {
      const upTo = run.samples.filter((sample) => (state.allSamples ? sample.step === step : sample.step <= step));
      if (upTo.length > 0) addSample(list, run, upTo.at(-1), sampleHeading(run, upTo.at(-1).step));
    }
}

find("#sample").addEventListener("input", ({ target }) => chooseSample(+target.value));
find("#sample-back").addEventListener("click", () => chooseSample(chosenSample(sampleSteps()) - 1));
find("#sample-on").addEventListener("click", () => chooseSample(chosenSample(sampleSteps()) + 1));
find("#all-samples").addEventListener("click", () => { state.allSamples = !state.allSamples; showSamples(); saveState(); });
