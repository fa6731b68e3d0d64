/** One chart of a patient's values over time, with reference ranges behind them: uPlot on a canvas. */

import { useEffect, useRef, useState } from "preact/hooks";
import uPlot from "uplot";

import { extent, span, tickTexts } from "./chart-axis.ts";
import { chartLabel, type Group, points, type Row } from "./observation-groups.ts";

const HEIGHT = 240;
/** On paper: three beside each other, drawn at twice the size, which the style halves, as print is finer than a screen. */
const PRINTED = { width: 212, height: 120, fineness: 2 };
/** In the order of the series; each has a line of its own kind besides, and a point of its own shape. */
const COLOURS = ["--accent", "--focus", "--good", "--bad"];
const DASHES: readonly (readonly number[])[] = [[], [7, 4], [2, 3], [10, 3, 2, 3]];

export function Chart({ group }: { readonly group: Group }) {
  const place = useRef<HTMLDivElement>(null);
  const [pointed, setPointed] = useState<Row | null>(null);
  const rows = points(group);
  useEffect(() => {
    const element = place.current;
    if (!element) return;
    let plot = drawn(element, group, rows, setPointed);
    const again = () => {
      plot.destroy();
      plot = drawn(element, group, rows, setPointed);
      // Drawn before this returns: Firefox prints what it finds.
      plot.batch(() => undefined);
    };
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    const printing = matchMedia("print");
    const resizing = new ResizeObserver(() => {
      if (element.clientWidth > 0 && element.clientWidth !== plot.width && !printing.matches) plot.setSize({ width: element.clientWidth, height: HEIGHT });
    });
    scheme.addEventListener("change", again);
    printing.addEventListener("change", again);
    resizing.observe(element);
    return () => {
      scheme.removeEventListener("change", again);
      printing.removeEventListener("change", again);
      resizing.disconnect();
      plot.destroy();
    };
  }, [group]);
  const shown = pointed ?? rows.at(-1);
  return (
    <>
      <div class="chart-place" role="img" aria-label={chartLabel(group)} ref={place} />
      <p class="chart-pointed" aria-hidden="true">
        {shown && (
          <>
            <strong>{shown.text}</strong> <span class="quiet">{shown.when}</span>
          </>
        )}
      </p>
    </>
  );
}

function drawn(element: HTMLElement, group: Group, rows: readonly Row[], onPointed: (row: Row | null) => void): uPlot {
  const style = getComputedStyle(element);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  const { width, height, fineness } = matchMedia("print").matches ? PRINTED : { width: Math.max(element.clientWidth, 1), height: HEIGHT, fineness: 1 };
  const thin = { stroke: colour("--line"), width: fineness };
  const axis: uPlot.Axis = { stroke: colour("--quiet"), grid: thin, ticks: { ...thin, size: 10 * fineness }, gap: 5 * fineness, font: `${12 * fineness}px ${style.fontFamily}`, size: 44 * fineness };
  const times = rows.map((each) => each.at / 1000);
  const [low, high] = extent(group);
  const options: uPlot.Options = {
    width: width * fineness,
    height: height * fineness,
    legend: { show: false },
    // What is chosen by dragging could not be chosen without a mouse.
    cursor: { drag: { x: false, y: false }, y: false },
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Europe/London"),
    scales: { x: { range: [...span(times)] }, y: { range: [low, high] } },
    axes: [{ ...axis, space: 44 * fineness, values: (_, marks, __, ___, increment) => [...tickTexts(marks, increment)] }, { ...axis, space: 30 * fineness }],
    series: [{}, ...group.series.map((_, which) => line(which, colour, fineness))],
    hooks: {
      drawAxes: [(plot) => drawRanges(plot, group, colour)],
      setCursor: [({ cursor }) => onPointed(typeof cursor.idx === "number" ? (rows[cursor.idx] ?? null) : null)],
    },
  };
  const values = group.series.map((_, which) => rows.map((each) => each.values[which] ?? null));
  return new uPlot(options, [times, ...values], element);
}

function line(which: number, colour: (name: string) => string, fineness: number): uPlot.Series {
  const stroke = colour(COLOURS[which % COLOURS.length] ?? "");
  return {
    stroke,
    width: 2 * fineness,
    dash: (DASHES[which % DASHES.length] ?? []).map((each) => each * fineness),
    spanGaps: true,
    points: { show: true, size: 7 * fineness, width: 2 * fineness, stroke, fill: which === 0 ? stroke : colour("--surface") },
  };
}

/** A band between a range's limits, or from one of them on; each limit is a dashed line. */
function drawRanges(plot: uPlot, group: Group, colour: (name: string) => string): void {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  for (const { range } of group.series) {
    if (!range) continue;
    const [top, bottom] = [range.high, range.low].map((each) => (each === null ? null : plot.valToPos(each, "y", true)));
    ctx.fillStyle = colour("--good-soft");
    const from = top ?? bbox.top;
    ctx.fillRect(bbox.left, from, bbox.width, (bottom ?? bbox.top + bbox.height) - from);
    ctx.strokeStyle = colour("--good");
    ctx.lineWidth = devicePixelRatio;
    ctx.setLineDash([4 * devicePixelRatio, 4 * devicePixelRatio]);
    for (const at of [top, bottom]) {
      if (typeof at !== "number") continue;
      ctx.beginPath();
      ctx.moveTo(bbox.left, at);
      ctx.lineTo(bbox.left + bbox.width, at);
      ctx.stroke();
    }
  }
  ctx.restore();
}
