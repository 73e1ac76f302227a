// Charts by Vega-Lite, which comes with the Python package vl-convert. Its code is fetched when the first chart is
// drawn: the numbers do not wait for it. Expressions are interpreted (`ast`), so that no policy has to allow eval.

import { byId, element } from "./elements.js";
import { hourOf, period, say, short } from "./words.js";

const COLOURS = [1, 2, 3, 4, 5, 6, 7, 8].map((index) => `var(--series-${index})`);
const MOST_SERIES = COLOURS.length;
const MOST_BARS = 15;
const STEP_PX = 26;
const FADED = "var(--faded)";
const CONFIG = {
  aria: false, // the chart has a name, and its rows are in a table
  background: "transparent",
  font: "system-ui, sans-serif",
  view: { stroke: null },
  axis: {
    labelColor: FADED, labelFontSize: 12, domainColor: "var(--line)", tickColor: "var(--line)", gridColor: "var(--line)",
    title: null, ticks: false, labelPadding: 6, titleColor: FADED, titleFontSize: 12, titleFontWeight: "normal",
  },
  legend: { title: null, orient: "top", titleColor: FADED, titleFontSize: 12, titleFontWeight: "normal", labelColor: "var(--ink)", labelFontSize: 13, symbolType: "square", labelLimit: 200 },
  title: { color: FADED, fontSize: 13, fontWeight: "normal", anchor: "start" },
  mark: { aria: false },
  bar: { color: COLOURS[0] },
  rect: { color: COLOURS[0] },
  point: { color: COLOURS[0] },
};
const OPTIONS = {
  renderer: "svg", ast: true, actions: false, logLevel: 1, defaultStyle: false, tooltip: tip, config: CONFIG,
  expressionFunctions: { short, brief: (text) => period(text, "short") },
};

let library;

function loaded() {
  library ??= new Promise((resolve, reject) => {
    const script = element("script", { src: "vega.js", type: "module" });
    script.addEventListener("load", () => resolve(window.vegaEmbed));
    script.addEventListener("error", () => reject(new Error(script.src)));
    document.head.append(script);
  });
  return library;
}

const FINGER = window.matchMedia("(pointer: coarse)");

/** Text with the values of colours in place of their names, which a canvas does not know. */
function resolved(text) {
  const probe = document.body.appendChild(element("i", { hidden: true }));
  const found = text.replace(/var\((--[\w-]+)\)/g, (name) => {
    probe.style.color = name;
    return getComputedStyle(probe).color;
  });
  probe.remove();
  return found;
}

const NEAR = { rootMargin: "300px" };
const seen = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) target.dispatchEvent(new CustomEvent("seen", { detail: isIntersecting }));
}, NEAR);

/** A chart in `host`, drawn when somebody can see it, and again when its form, its words or its rows change. */
export class Chart {
  constructor(host) {
    this.host = host;
    this.drawn = Promise.resolve();
    this.series = []; // every one ever shown keeps its colour while others are filtered out
    host.addEventListener("seen", ({ detail }) => {
      this.visible = detail;
      this.catchUp();
    });
    seen.observe(host);
  }

  /** form: "time", "lines", "band", "pair", "bars", "grid", "map" or "minutes". values: {x, y, series, tip} each, of a band low and high, too. axes: across, the name of the horizontal one; measure, that of the other; legend, of the shades of a grid. */
  show(form, values, title, axes) {
    this.host.setAttribute("role", "img");
    this.host.setAttribute("aria-label", say("chart_of", { title }));
    const ordered = values.map((one, order) => ({ ...one, order }));
    const text = JSON.stringify([form, axes, ordered]);
    if (text === this.text) return;
    this.text = text;
    this.wanted = few(form, ordered, axes);
    this.catchUp();
  }

  /** Tell the page what a mark stands for. A finger asks for its value first, and chooses it with a second tap. */
  pick(datum) {
    const known = this.tapped === datum?.tip;
    this.tapped = datum?.tip;
    if (!datum?.picks || (FINGER.matches && !known)) return;
    this.host.dispatchEvent(new CustomEvent("pick", { detail: datum.picks, bubbles: true }));
  }

  /** The chart as a picture, in the colours of now. */
  async picture() {
    const embed = await loaded();
    const host = element("div", { class: "hidden" });
    document.body.append(host);
    const spec = JSON.parse(resolved(JSON.stringify({ ...this.spec, width: Math.max(this.host.clientWidth, 600), autosize: "pad" })));
    const { view, finalize } = await embed(host, spec, { ...OPTIONS, renderer: "canvas", config: JSON.parse(resolved(JSON.stringify({ ...CONFIG, background: "var(--card)" }))) });
    const canvas = await view.toCanvas(2);
    finalize();
    host.remove();
    return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
  }

  catchUp() {
    if (!this.visible || !this.wanted) return;
    const wanted = this.wanted;
    this.wanted = undefined;
    this.drawn = this.drawn.then(() => this.draw(...wanted)).catch(failed);
  }

  async draw(form, values, axes) {
    this.series = [...new Set([...this.series, ...series(values)])].sort();
    const spec = { ...FULL, ...compared(form, FORMS[form](values, axes, this.series, this.host.clientWidth), values), title: axes.measure };
    this.spec = { ...spec, data: { name: "rows", values } };
    const kind = `${document.documentElement.lang} ${JSON.stringify(spec)}`;
    if (kind !== this.kind) {
      const embed = await loaded();
      this.result?.finalize();
      this.result = await embed(this.host, { ...spec, data: { name: "rows", values } }, OPTIONS);
      this.result.view.addEventListener("click", (_, item) => this.pick(item?.datum));
      this.kind = kind;
    } else {
      await this.result.view.data("rows", values).runAsync();
    }
  }
}

/** With what it is compared with: a dashed line over time, a mark at each bar. */
function compared(form, { height, mark, encoding, ...spec }, values) {
  const cursor = values.some(({ picks }) => picks) ? { cursor: "pointer" } : {};
  if (!mark) return { height, encoding, ...spec };
  const own = { mark: { ...mark, ...cursor }, encoding };
  if (!values.some(({ before }) => Number.isFinite(before)) || !(form in BEFORE)) return { height, ...own, ...spec };
  const { side, look } = BEFORE[form];
  const { color, ...others } = encoding;
  const before = { mark: look, encoding: { ...others, detail: { field: "series", type: "nominal" }, [side]: { ...encoding[side], field: "before" } } };
  const [now, then] = ["y", "before"].map((name) => [{ filter: `isValid(datum.${name})` }]);
  return { height, ...spec, layer: [{ ...own, transform: now }, { ...before, transform: then }] };
}

const DASHED = { type: "line", strokeDash: [5, 4], strokeWidth: 2, color: "var(--ink)", point: { filled: true, size: 25, color: "var(--ink)" } };
const BEFORE = {
  time: { side: "y", look: DASHED },
  lines: { side: "y", look: DASHED },
  bars: { side: "x", look: { type: "tick", thickness: 3, color: "var(--ink)" } },
};

function failed(error) {
  console.warn(error.message);
  document.dispatchEvent(new CustomEvent("charts-failed"));
}

const series = (values) => [...new Set(values.filter((one) => "y" in one).map((one) => one.series))];

/** Of too many series, those of the newest period; of many bars, the first. */
function few(form, values, axes) {
  if (["time", "lines"].includes(form) && series(values).length > MOST_SERIES) {
    const drawn = values.filter((one) => "y" in one);
    const newest = drawn.map((one) => one.x).sort().at(-1);
    const latest = drawn.filter((one) => one.x === newest).map((one) => ({ ...one, x: one.series, series: undefined }));
    return ["bars", latest.slice(0, MOST_BARS), { measure: period(newest), across: axes.measure }];
  }
  return [form, form === "bars" ? values.slice(0, MOST_BARS) : values, axes];
}

const FLOOD = 10;

/** The top of the axis: a minute that outdoes a usual one FLOOD times, such as that of a backfill, is cut off. */
export function ceiling(counts) {
  const usual = counts.filter((count) => count).sort((one, other) => one - other);
  const middle = usual[Math.floor((usual.length - 1) / 2)] ?? 1;
  return Math.max(1, ...usual.filter((count) => count <= FLOOD * middle));
}

const MOST_DAYS = 400;
const [DAY_MS, HOUR_MS] = [86_400_000, 3_600_000];

/** The days or hours from the first to the last, also those without a value; undefined for other periods. */
export function everyTime(values) {
  if (values.every(({ x }) => /T\d\d:00/.test(x))) return everyHour(values.map(({ x }) => Date.parse(x)));
  const at = values.map(({ x }) => Date.parse(x));
  const [first, last] = [Math.min(...at), Math.max(...at)];
  const days = Math.round((last - first) / DAY_MS) + 1;
  if (!values.every(({ x }) => /^\d{4}-\d\d-\d\d$/.test(x)) || days > MOST_DAYS) return undefined;
  return Array.from({ length: days }, (_, day) => new Date(first + day * DAY_MS).toISOString().slice(0, 10));
}

function everyHour(at) {
  const first = Math.min(...at);
  return Array.from({ length: Math.round((Math.max(...at) - first) / HOUR_MS) + 1 }, (_, hour) => hourOf(first + hour * HOUR_MS));
}

const HOURS_BETWEEN = [[36, 3], [80, 12]]; // up to so many hours, a label at each so many

/** The hours with labels: of many those at midnight; undefined for days, whose labels are left out where they overlap. */
function marked(times) {
  if (!times?.[0]?.includes("T")) return undefined;
  const [, every] = HOURS_BETWEEN.find(([most]) => times.length <= most) ?? [0, 24];
  return times.filter((at) => Number(at.slice(11, 13)) % every === 0);
}

const NARROW_CHARS = 30;
const columnsOf = (names) => (names.length > 2 && names.join("").length > NARROW_CHARS ? 2 : 0); // 0: one row

const MARGIN = 0.05;
const LEAST_DEGREES = 0.01;
const HIGHEST_MAP_PX = 520;

/** The part of Earth that a map shows, the same scale both ways: longitudes, latitudes, and its height. */
function framed(values, width) {
  const [west, south, east, north] = [Math.min, Math.max].flatMap((end) => ["x", "y"].map((side) => end(...values.map((one) => one[side]))));
  const middle = [(west + east) / 2, (south + north) / 2];
  const narrowing = Math.cos((middle[1] * Math.PI) / 180);
  const wanted = [(east - west) * narrowing, north - south].map((span) => Math.max(span * (1 + 2 * MARGIN), LEAST_DEGREES));
  const height = Math.min(Math.max((width * wanted[1]) / wanted[0], 200), HIGHEST_MAP_PX);
  const perPx = Math.max(wanted[0] / width, wanted[1] / height);
  const half = [(perPx * width) / narrowing / 2, (perPx * height) / 2];
  const [x, y] = middle.map((at, side) => [at - half[side], at + half[side]]);
  return { height, x, y };
}

const TIP = { tooltip: { field: "tip", type: "nominal" } };
const FULL = { width: "container", autosize: { type: "fit-x", contains: "padding" }, padding: { left: 4, right: 20, top: 4, bottom: 4 } };
const IN_ORDER = { sort: { field: "order", op: "min" } };
const AMOUNT = { field: "y", type: "quantitative", axis: { labelExpr: "short(datum.value)", tickCount: 4, tickMinStep: 1, domain: false, labelOverlap: "greedy", labelSeparation: 8 } };

// Of a heat map that is compared: what grew and what fell, the stronger the more, up to 100 %.
const CHANGES = {
  color: { condition: { test: "datum.change < 0", value: COLOURS[5] }, value: COLOURS[0] },
  opacity: { field: "shade", type: "quantitative", scale: { domain: [0, 100], range: [0.06, 1] }, legend: { title: "± %", tickCount: 4, symbolFillColor: FADED } },
};

const FORMS = {
  time: (values, axes, every) => ({
    height: 240,
    mark: { type: "bar", width: { band: 0.72 } },
    encoding: {
      x: { field: "x", type: "ordinal", scale: { domain: everyTime(values) }, axis: { values: marked(everyTime(values)), title: axes.across, labelExpr: "brief(datum.value)", labelAngle: 0, labelOverlap: "greedy", labelSeparation: 12 } },
      y: AMOUNT,
      ...(values.some((one) => one.series) && {
        color: {
          field: "series", type: "nominal", scale: { range: COLOURS, domain: every }, legend: { values: series(values).sort(), columns: columnsOf(series(values)) },
        },
      }),
      ...TIP,
    },
  }),
  lines: (values, axes, every) => ({
    ...FORMS.time(values, axes, every),
    mark: { type: "line", point: { filled: true, size: 45 }, strokeWidth: 2, color: COLOURS[0] },
  }),
  band: (values, axes, every) => {
    const { x, color } = FORMS.time(values, axes, every).encoding;
    const within = { ...AMOUNT, field: "low" };
    return {
      height: 240,
      layer: [
        { transform: [{ filter: "isValid(datum.low)" }], mark: { type: "area", opacity: 0.25 }, encoding: { x, y: within, y2: { field: "high" }, color, ...TIP } },
        { mark: FORMS.lines(values, axes, every).mark, encoding: { x, y: AMOUNT, ...(color && { color }), ...TIP } },
      ],
    };
  },
  pair: (values, axes) => ({
    height: 240,
    layer: series(values).map((name, index) => ({
      transform: [{ filter: { field: "series", equal: name } }],
      layer: [["y", {}], ["before", { strokeDash: [5, 4], opacity: 0.6 }]].map(([field, look]) => ({
        transform: [{ filter: `isValid(datum.${field})` }],
        mark: { type: "line", point: { filled: true, size: 45, color: COLOURS[index] }, strokeWidth: 2, color: COLOURS[index], ...look },
        encoding: {
          x: FORMS.time(values, axes).encoding.x,
          y: { ...AMOUNT, field, axis: { ...AMOUNT.axis, grid: !index, orient: index ? "right" : "left", labelColor: COLOURS[index], title: name, titleColor: COLOURS[index], titleFontWeight: "normal" } },
          ...TIP,
        },
      })),
    })),
    resolve: { scale: { y: "independent" } },
  }),
  bars: (values, axes) => ({
    height: values.length * STEP_PX,
    mark: { type: "bar", height: { band: 0.68 } },
    encoding: {
      y: { field: "x", type: "nominal", ...IN_ORDER, axis: { labelLimit: 170, labelColor: "var(--ink)", domain: false } },
      x: { ...AMOUNT, axis: { ...AMOUNT.axis, title: axes.across } },
      ...TIP,
    },
  }),
  grid: (values, axes) => ({
    height: series(values).length * STEP_PX,
    mark: { type: "rect" },
    encoding: {
      x: { field: "x", type: "ordinal", axis: { title: axes.across, labelAngle: 0, labelOverlap: "greedy", domain: false } },
      y: { field: "series", type: "ordinal", ...IN_ORDER, axis: { labelColor: "var(--ink)", domain: false } },
      ...(values.some(({ change }) => change !== undefined) ? CHANGES : {
        opacity: { field: "y", type: "quantitative", scale: { range: [0.06, 1] }, legend: { title: axes.legend, labelExpr: "short(datum.value)", tickCount: 4, symbolFillColor: COLOURS[0] } },
      }),
      ...TIP,
    },
  }),
  map: (values, axes, every, width) => {
    const { height, ...domains } = framed(values, width);
    const side = (field) => ({ field, type: "quantitative", axis: null, scale: { domain: domains[field], nice: false, zero: false } });
    return {
      height,
      mark: { type: "circle", size: 90, opacity: 0.85 },
      encoding: { x: side("x"), y: side("y"), color: FORMS.time(values, axes, every).encoding.color, ...TIP },
    };
  },
  minutes: (values, axes) => ({
    height: 150,
    mark: { type: "bar", width: { band: 0.8 }, clip: true },
    encoding: {
      x: { field: "x", type: "ordinal", ...IN_ORDER, axis: { title: axes.across, labelAngle: 0, labelOverlap: "greedy", labelSeparation: 30 } },
      y: { ...AMOUNT, scale: { domainMax: ceiling(values.map(({ y }) => y)) } },
      ...TIP,
    },
  }),
};

// A finger taps where a pointer would hover; a tap elsewhere hides the text. The renderer keeps the mark at its element.
document.addEventListener("click", (event) => tip(undefined, event, undefined, event.target.__data__?.tooltip));

/** Vega asks for it when the pointer is over a mark; the text may be anything. */
function tip(_, event, item, text) {
  const box = byId("tip");
  box.hidden = !text;
  if (!text) return;
  box.textContent = text;
  box.style.left = `${Math.min(event.clientX + 12, window.innerWidth - box.offsetWidth - 8)}px`;
  box.style.top = `${Math.max(8, event.clientY - box.offsetHeight - 10)}px`;
}
