"use strict";

// The plots. All share their x axis and their cursor; one that is drawn shows the state as it is at that moment.

const plotHeight = 240, printWidth = 640;
const labelRoom = 24;  // pixels on the right, where half of the last label of the x axis stands: "1.25 min"
const axisFont = "12px system-ui, sans-serif";
const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

const charts = [];

const lineNames = { loss: "training", validation_loss: "validation", bits_per_byte: "validation", gap: "gap",
  learning_rate: "learning rate", gradient_norm: "norm", tokens_per_second: "throughput" };
const noisy = new Set(["loss", "gradient_norm", "tokens_per_second"]);
const seriesColors = { validation_loss: "--orange", bits_per_byte: "--orange", gap: "--run3", tokens_per_second: "--green" };

// Validation is planned, or there was one: its charts are shown, even if they are empty so far.
const validates = runs.some(({ facts, series }) => facts?.validation || series.validation_loss.steps.length > 0);
// Of several runs the loss in nats only if there is no loss per byte, which compares models with different tokenizers.
const hasBits = runs.every(({ series }) => series.bits_per_byte.steps.length > 0 || series.validation_loss.steps.length === 0);

const chartList = [
  compares ? { id: "loss", title: "Training loss", unit: "nats per token", lines: ["loss"] }
    : { id: "loss", title: "Loss", unit: "nats per token", lines: ["loss", "validation_loss"] },
  ...(compares && !hasBits ? [{ id: "validation_loss", title: "Validation loss", unit: "nats per token", lines: ["validation_loss"] }] : []),
  ...(validates && hasBits ? [{ id: "bits_per_byte", title: "Validation", unit: "bits per byte", lines: ["bits_per_byte"] }] : []),
  ...(validates ? [{ id: "gap", title: "Generalization gap", unit: "validation − training loss", lines: ["gap"] }] : []),
  { id: "learning_rate", title: "Learning rate", unit: "", lines: ["learning_rate"], fromZero: true },
  { id: "gradient_norm", title: "Gradient norm", unit: "before clipping", lines: ["gradient_norm"], fromZero: true },
  { id: "tokens_per_second", title: "Throughput", unit: "tokens per second", lines: ["tokens_per_second"], fromZero: true },
];

// From the origin to the end of the longest run that is shown, with room for the steps that are planned.
function wholeRange() {
  const ends = runs.filter(isShown).map((run) => units[state.x].of(run, run.summary.steps));
  return [0, Math.max(...ends, state.x === "time" ? 0.1 : 1)];
}
const visibleRange = () => state.zoom ?? wholeRange();

// The index of the number in ascending xs that is nearest to x; -1 if there are none.
function nearestIndex(xs, x) {
  let low = 0, high = xs.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (xs[middle] < x) low = middle; else high = middle;
  }
  return high > 0 && Math.abs(xs[low] - x) < Math.abs(xs[high] - x) ? low : high;
}

function quantiles(values, shares) {
  const sorted = [...values].sort((a, b) => a - b);
  return shares.map((share) => sorted[Math.round(share * (sorted.length - 1))]);
}

// Without the few values that are far from all others: a single spike must not flatten the chart.
function typicalRange(values) {
  const [low, q01, q99, high] = quantiles(values, [0, 0.01, 0.99, 1]), room = 0.5 * (q99 - q01);
  return values.length < 30 ? [low, high] : [Math.max(low, q01 - room), Math.min(high, q99 + room)];
}

function padded([low, high], isLog) {
  if (isLog) {
    const room = high > low ? (high / low) ** 0.05 : 1.1;
    return [low / room, high * room];
  }
  const room = high > low ? 0.05 * (high - low) : Math.abs(high) * 0.1 || 1;
  return [low === 0 ? 0 : low - room, high + room];
}

// Round numbers, in even distances where a decade has room for few labels only.
function logTicks(low, high) {
  if (high / low < 20) {
    const rough = (high - low) / 7, power = 10 ** Math.floor(Math.log10(rough)), step = [1, 2, 5, 10].find((f) => f * power >= rough) * power;
    return Array.from({ length: 30 }, (_, i) => (Math.ceil(low / step) + i) * step).filter((tick) => tick <= high && tick > 0);
  }
  const factors = high / low > 1e4 ? [1] : high / low > 500 ? [1, 3] : [1, 2, 5], first = Math.floor(Math.log10(low));
  const powers = Array.from({ length: Math.ceil(Math.log10(high)) - first + 1 }, (_, i) => first + i);
  return powers.flatMap((power) => factors.map((factor) => +`${factor}e${power}`)).filter((tick) => tick >= low && tick <= high);
}

function tickLabels(plot, ticks) {
  const largest = Math.max(...ticks.map(Math.abs)), step = Math.min(...ticks.slice(1).map((tick, i) => tick - ticks[i]));
  const format = largest >= 1e4 ? number({ notation: "compact", maximumFractionDigits: 2 })
    : largest < 1e-2 ? (value) => (+value.toPrecision(3)).toExponential()
    : number({ maximumFractionDigits: Math.min(6, Math.max(0, Math.ceil(-Math.log10(step || 1)) + 1)) });
  return ticks.map((value) => (value === 0 ? "0" : withMinus(format(value))));
}

function timeLabels(plot, ticks) {
  const largest = ticks.at(-1) ?? 0;
  const [size, name] = largest < 120 ? [1, "s"] : largest < 7200 ? [60, "min"] : largest < 172800 ? [3600, "h"] : [86400, "d"];
  return ticks.map((value) => (value === 0 ? "0" : `${twoDecimals(value / size)} ${name}`));
}

const roundNumbers = (first) => Array.from({ length: 15 }, (_, power) => [1, 2, 5].map((factor) => factor * 10 ** (power + first))).flat();
const increments = { steps: roundNumbers(0), tokens: roundNumbers(0),
  time: [...roundNumbers(-3).filter((x) => x < 10), 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 21600, 43200, 86400, ...roundNumbers(0).map((days) => 86400 * days)] };

const reaches = (run, x) => x <= units[state.x].of(run, run.summary.steps) * 1.005;

// "step 120 · 61.4K tokens · 12 s"; of several runs from the fewest to the most tokens and time.
function describePosition(x) {
  const reached = runs.filter((run) => isShown(run) && reaches(run, x)), shown = reached.length > 0 ? reached : runs.filter(isShown);
  const steps = shown.map((run) => Math.min(units[state.x].step(run, x), run.summary.steps));
  const span = (values, format) => {
    const low = format(Math.min(...values)), high = format(Math.max(...values));
    return low === high ? low : `${low} to ${high}`;
  };
  return [`step ${span(steps.map(Math.round), count)}`, `${span(shown.map((run, i) => units.tokens.of(run, steps[i])), compact)} tokens`,
    span(shown.map((run, i) => units.time.of(run, steps[i])), duration)].join(" · ");
}

class Chart {
  constructor(list, parent) {
    Object.assign(this, list);
    this.figure = add(parent, "figure");
    const head = add(this.figure, "figcaption"), title = add(head, "span", this.title, "title");
    if (this.unit) add(title, "span", this.unit, "unit");
    this.buttons = add(head, "span", null, "buttons");
    this.legend = add(this.figure, "div", null, "legend");
    this.body = add(this.figure, "div", null, "plot");
    new ResizeObserver(() => this.fit()).observe(this.body);
    charts.push(this);
  }

  // One for each measured series of a run: what is drawn, and the raw values behind it if it is smoothed.
  collectCurves() {
    const curves = [];
    for (const run of runs) for (const name of this.lines) {
      const series = run.series[name];
      if (series.steps.length === 0) continue;
      const label = compares ? run.name : lineNames[name], id = compares ? run.id : name;
      curves.push({ run, series, label, id, noisy: noisy.has(name), stroke: compares ? run.color : seriesColors[name] ?? "--blue",
        dash: compares && run.index >= 8 ? [6, 4] : undefined, hidden: state.hide.has(id) });
    }
    const spacing = Math.min(...curves.filter((curve) => curve.noisy).map(({ series }) => spacingOf(meansOf(series))));
    const position = (run, steps) => steps.map((step) => units[state.x].of(run, step));
    for (const curve of curves) {
      const smoothed = curve.noisy && state.smooth > 0, line = smoothed ? meansOf(curve.series) : curve.series;
      curve.xs = position(curve.run, line.steps);
      curve.ys = smoothed ? smooth(line, state.smooth, spacing) : line.values;
      curve.raw = smoothed ? { xs: position(curve.run, curve.series.steps), ys: curve.series.values } : null;
    }
    return curves;
  }

  draw() {
    this.plot?.destroy();
    this.plot = null;
    this.body.replaceChildren();
    this.curves = this.collectCurves();
    this.shown = this.curves.filter((curve) => !curve.hidden);
    this.isLog = state.log.has(this.id);
    this.drawButtons();
    this.drawLegend();
    if (this.curves.length === 0) add(this.body, "p", "No measurements yet", "quiet empty");
    if (this.shown.length > 0) this.drawPlot();
    this.showValues(null);
  }

  drawPlot() {
    const layers = [...this.shown.filter((curve) => curve.raw).map((curve) => ({ ...curve, ...curve.raw, isRaw: true })), ...this.shown];
    this.layers = layers;
    const [xs, ...columns] = uPlot.join(layers.map(({ xs, ys }) => [xs, ys]));
    const isLog = this.isLog, readout = document.createElement("div");
    this.plot = new uPlot({
      width: this.width(), height: plotHeight, padding: [8, labelRoom, 0, 0], legend: { show: false },
      series: [{}, ...layers.map((layer) => this.seriesOptions(layer))],
      scales: { x: { time: false, range: () => visibleRange() }, y: { distr: isLog ? 3 : 1, range: () => this.yRange() } },
      axes: [this.axis({ label: units[state.x].axis, labelFont: axisFont, labelSize: 18, size: 24, space: 60, incrs: increments[state.x],
        values: state.x === "time" ? timeLabels : tickLabels }),
      this.axis({ size: 58, values: tickLabels, filter: (plot, ticks) => ticks, ...(isLog ? { splits: (plot, axis, low, high) => logTicks(low, high) } : {}) })],
      cursor: {
        sync: { key: "report", scales: ["x", null], filters: { pub: (type) => type === "mousemove" || type === "mouseleave" } },
        drag: { x: true, y: false, setScale: false },
        bind: { dblclick: () => () => { zoomTo(null); return null; } },
        dataIdx: (plot, series, index) => (series === 0 ? index : this.indexBelow(plot, series, index)),
        points: { size: (plot, series) => (layers[series - 1].isRaw ? 0 : 7), width: 2, fill: () => color("--card"), stroke: (plot, series) => color(layers[series - 1].stroke) },
      },
      hooks: {
        setCursor: [(plot) => { const x = plot.cursor.left >= 0 ? plot.posToVal(plot.cursor.left, "x") : null; this.showValues(x); this.moveReadout(readout, x); }],
        setSelect: [(plot) => { if (plot.select.width > 6) zoomTo([plot.posToVal(plot.select.left, "x"), plot.posToVal(plot.select.left + plot.select.width, "x")]); plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false); }],
        draw: [(plot) => this.markOutliers(plot)],
      },
    }, [xs, ...columns.map((column) => column.map((value) => (value == null || (isLog && value <= 0) ? null : value)))], this.body);
    readout.className = "readout";
    this.plot.over.append(readout);
    this.listen(this.plot.over);
  }

  seriesOptions({ series, stroke, dash, isRaw, xs }) {
    const few = xs.length <= 60 && !isRaw;
    return { width: isRaw ? 1 : 1.75, dash, spanGaps: true, alpha: isRaw ? 0.28 : 1, stroke: () => color(stroke),
      points: { show: few, size: 5, width: 0, fill: () => color(stroke) } };
  }

  axis(options) {
    return { stroke: () => color("--quiet"), grid: { stroke: () => color("--grid"), width: 1 }, ticks: { show: false }, font: axisFont, ...options };
  }

  // The values in the visible range of x, and one on each side, to which lines lead.
  visibleValues({ xs, ys }) {
    const [low, high] = visibleRange();
    return ys.filter((value, i) => (xs[i + 1] ?? Infinity) >= low && (xs[i - 1] ?? -Infinity) <= high && (!this.isLog || value > 0));
  }

  yRange() {
    const values = this.shown.map((curve) => this.visibleValues(curve.raw ?? curve)).filter((list) => list.length > 0);
    if (values.length === 0) return this.isLog ? [0.1, 1] : [0, 1];
    const join = (ranges) => [Math.min(...ranges.map(([low]) => low)), Math.max(...ranges.map(([, high]) => high))];
    const whole = join(values.map((list) => quantiles(list, [0, 1]))), typical = join(values.map(typicalRange));
    this.setOutliers(values.flat().filter((value) => value < typical[0] || value > typical[1]).length);
    const [low, high] = state.outliers.has(this.id) ? whole : typical;
    return padded(this.fromZero && !this.isLog ? [Math.min(0, low), Math.max(0, high)] : [low, high], this.isLog);
  }

  setOutliers(n) {
    this.outlierButton.hidden = n === 0;
    this.outlierButton.textContent = state.outliers.has(this.id) ? "Hide outliers" : plural(n, "outlier");
  }

  // Triangles at the edge, where values are beyond it.
  markOutliers(plot) {
    const { ctx, bbox } = plot, { min, max } = plot.scales.y, size = 4 * devicePixelRatio;
    let last = {};
    ctx.save();
    for (const curve of this.shown) {
      const { xs, ys } = curve.raw ?? curve, [low, high] = visibleRange();
      ctx.fillStyle = color(curve.stroke);
      ys.forEach((value, i) => {
        if (xs[i] < low || xs[i] > high || (value >= min && value <= max) || (this.isLog && value <= 0)) return;
        const x = Math.round(plot.valToPos(xs[i], "x", true)), up = value > max, side = up ? "top" : "bottom";
        if (Math.abs((last[side] ?? -100) - x) < 2 * size) return;
        last[side] = x;
        const edge = up ? bbox.top : bbox.top + bbox.height, base = edge + (up ? 1.6 : -1.6) * size;
        ctx.beginPath();
        ctx.moveTo(x, edge);
        ctx.lineTo(x - size, base);
        ctx.lineTo(x + size, base);
        ctx.fill();
      });
    }
    ctx.restore();
  }

  // A line may have a value in every hundredth step only.
  indexBelow(plot, series, index) {
    const { xs } = this.layers[series - 1], x = xs[nearestIndex(xs, plot.data[0][index])];
    return x === undefined ? index : nearestIndex(plot.data[0], x);
  }

  drawButtons() {
    this.buttons.replaceChildren();
    this.outlierButton = this.button("outliers", "", "show values that are far from all others", state.outliers);
    this.outlierButton.hidden = true;
    this.button("log", "log", "logarithmic axis", state.log);
  }

  button(name, text, title, set) {
    const button = add(this.buttons, "button", text);
    button.id = `${name}-${this.id}`;
    button.title = title;
    button.setAttribute("aria-pressed", set.has(this.id));
    button.setAttribute("aria-label", `${this.title}: ${title}`);
    button.addEventListener("click", () => { toggle(set, this.id); keepFocus(() => this.draw()); saveState(); });
    return button;
  }

  drawLegend() {
    this.legend.replaceChildren();
    for (const curve of this.curves) {
      const button = add(this.legend, "button");
      button.id = `show-${this.id}-${curve.id}`;
      button.setAttribute("aria-pressed", !curve.hidden);
      add(button, "i", null, curve.dash ? "swatch dashed" : "swatch").style.color = `var(${curve.stroke})`;
      add(button, "span", curve.label);
      curve.output = add(button, "output");
      button.addEventListener("click", () => { toggle(state.hide, curve.id); keepFocus(render); saveState(); });
    }
  }

  // In the legend: the values at x, or the last ones. Of a smoothed curve also the raw one.
  showValues(x) {
    for (const { run, output, hidden, xs, ys, raw } of this.curves) {
      const at = ({ xs, ys }) => readable(x === null ? ys.at(-1) : reaches(run, x) ? ys[nearestIndex(xs, x)] : null);
      output.textContent = hidden ? "" : at({ xs, ys });
      output.title = raw ? `raw ${at(raw)}` : "";
      if (raw && !compares && !hidden) add(output, "span", ` raw ${at(raw)}`, "raw");
    }
  }

  moveReadout(readout, x) {
    readout.hidden = x === null;
    if (x === null) return;
    readout.textContent = describePosition(x);
    const half = readout.offsetWidth / 2, left = this.plot.cursor.left;
    readout.style.left = `${Math.min(Math.max(left, half), this.plot.over.clientWidth - half)}px`;
  }

  listen(over) {
    over.tabIndex = 0;
    over.id = `plot-${this.id}`;
    over.setAttribute("role", "img");
    over.setAttribute("aria-label", this.describe());
    over.addEventListener("keydown", (event) => this.onKey(event));
    const scrub = ({ pointerType, clientX, clientY }) => {
      if (pointerType === "mouse") return;
      const box = over.getBoundingClientRect();
      this.plot.setCursor({ left: clientX - box.left, top: clientY - box.top }, true, true);
    };
    for (const event of ["pointerdown", "pointermove"]) over.addEventListener(event, scrub);
  }

  describe() {
    const parts = this.shown.map(({ label, xs, ys, run }) => {
      const step = (x) => count(Math.round(units[state.x].step(run, x)));
      return `${label} ${readable(ys[0])} at step ${step(xs[0])}, ${readable(ys.at(-1))} at step ${step(xs.at(-1))}`;
    });
    return [this.title + (this.unit ? `, ${this.unit}` : ""), ...parts].join("; ");
  }

  // Arrow keys move the cursor by a hundredth of what is visible, + and - zoom at it, Shift and an arrow move what is visible.
  onKey(event) {
    const { over, cursor } = this.plot, width = over.clientWidth, left = cursor.left >= 0 ? cursor.left : width;
    const sign = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const to = sign ? left + sign * width / 100 : { Home: 0, End: width }[event.key];
    if (event.key === "Escape") zoomTo(null);
    else if (event.key === "+" || event.key === "-") zoomBy(event.key === "+" ? 0.5 : 2, cursor.left >= 0 ? this.plot.posToVal(left, "x") : null);
    else if (sign && event.shiftKey) pan(sign * 0.2);
    else if (to !== undefined) {
      this.plot.setCursor({ left: Math.min(Math.max(to, 0), width), top: 10 }, true, true);
      find("#announcement").textContent = [describePosition(this.plot.posToVal(this.plot.cursor.left, "x")),
        ...this.shown.map(({ label, output }) => `${label} ${output.firstChild.textContent}`)].join(", ");
    } else return;
    event.preventDefault();
  }

  width() { return isPrinted() ? printWidth : this.body.clientWidth || printWidth; }
  fit() { if (this.plot && this.plot.width !== this.width()) this.plot.setSize({ width: this.width(), height: plotHeight }); }
}

const isPrinted = () => document.documentElement.classList.contains("print");

// range: in units of the x axis; null: everything.
function zoomTo(range) {
  const [first, last] = wholeRange();
  state.zoom = range && [Math.max(range[0], first), Math.min(range[1], last)];
  if (state.zoom && (state.zoom[1] - state.zoom[0] >= last - first || state.zoom[1] <= state.zoom[0])) state.zoom = null;
  const [min, max] = visibleRange();
  for (const { plot } of charts) plot?.setScale("x", { min, max });
  showZoom();
  saveState();
}

function zoomBy(factor, center) {
  const [low, high] = visibleRange(), middle = center ?? (low + high) / 2;
  zoomTo([middle - (middle - low) * factor, middle + (high - middle) * factor]);
}

function pan(share) {
  const [low, high] = visibleRange(), [first, last] = wholeRange(), by = Math.min(Math.max(share * (high - low), first - low), last - high);
  if (state.zoom) zoomTo([low + by, high + by]);
}

// What is drawn anew must not take the focus away.
function keepFocus(redraw) {
  const { id } = document.activeElement ?? {};
  redraw();
  if (id) document.getElementById(id)?.focus({ preventScroll: true });
}
