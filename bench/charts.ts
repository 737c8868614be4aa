/**
 * Draws a growth curve as an SVG of its own: both axes logarithmic, so that a straight line is a power of
 * n and its slope says which. The fitted exponent stands at the end of each line.
 *
 * The colours come from the reader's scheme, light or dark, by a media query inside of the picture; an
 * image of a page gets no style from that page.
 */
import { type Axis, type Curve, type Line, quantity } from "./figures.ts";

const width = 760;
const height = 420;
const frame = { left: 84, right: 210, top: 58, bottom: 56 } as const;
/** Told apart by shade and by mark, not by colour alone. */
const marks = ["circle", "square", "triangle", "diamond"] as const;
const inks = [
  { light: "#0b62a8", dark: "#6cb6ff" },
  { light: "#b3480a", dark: "#f0a05a" },
  { light: "#1b7a3d", dark: "#6fd08c" },
  { light: "#7a3ea1", dark: "#cfa0f0" },
  { light: "#8a6d00", dark: "#e0c24a" },
] as const;

/** The power of x that y grows with: the slope of the straight line nearest to the logarithms. */
export function exponentOf(points: Line["points"]): number {
  const logs = points.map(({ x, y }) => [Math.log(x), Math.log(y)] as const);
  const mean = (of: 0 | 1) => logs.reduce((sum, one) => sum + one[of], 0) / logs.length;
  const [middleX, middleY] = [mean(0), mean(1)];
  const above = logs.reduce((sum, [x, y]) => sum + (x - middleX) * (y - middleY), 0);
  return above / logs.reduce((sum, [x]) => sum + (x - middleX) ** 2, 0);
}

interface Scale {
  readonly ticks: readonly number[];
  readonly at: (value: number) => number;
}

export function drawCurve({ title, x, y, lines }: Curve): string {
  const all = lines.flatMap(({ points }) => points);
  if (all.some((point) => !(point.x > 0 && point.y > 0)))
    throw new Error(`${title}: a logarithm needs numbers above zero`);
  const across = scale(
    all.map((point) => point.x),
    [frame.left, width - frame.right],
    0.08,
  );
  const up = scale(
    all.map((point) => point.y),
    [height - frame.bottom, frame.top],
    0.35,
  );
  const labels = spread(lines.map(({ points }) => up.at(points.at(-1)?.y ?? 1)));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escaped(title)}">`,
    style(),
    `<rect class="paper" width="${width}" height="${height}" rx="6"/>`,
    `<text class="title" x="${frame.left}" y="28">${escaped(title)}</text>`,
    `<text class="small" x="${frame.left}" y="46">${escaped(axisText(y))}, both axes logarithmic</text>`,
    ...across.ticks.map((tick) => vertical(across.at(tick), tick)),
    ...up.ticks.map((tick) => horizontal(up.at(tick), tick)),
    `<text class="small middle" x="${(frame.left + width - frame.right) / 2}" y="${height - 14}">${escaped(axisText(x))}</text>`,
    ...lines.flatMap((line, index) => drawLine(line, index, across, up, labels[index] ?? 0)),
    "</svg>\n",
  ].join("\n");
}

function style(): string {
  const coloured = (scheme: "light" | "dark") =>
    inks.map((ink, i) => `.l${i}{stroke:${ink[scheme]}}.f${i}{fill:${ink[scheme]}}`).join("");
  return `<style>
text{font:13px system-ui,sans-serif;fill:#1c2329}.title{font-size:16px;font-weight:600}.small{font-size:12px;fill:#57626b}
.middle{text-anchor:middle}.end{text-anchor:end}.paper{fill:#ffffff}.grid{stroke:#dde3e8}.line{fill:none;stroke-width:2.2}
${coloured("light")}
@media (prefers-color-scheme:dark){text{fill:#e6edf3}.small{fill:#9aa7b2}.paper{fill:#12171c}.grid{stroke:#2b343c}
${coloured("dark")}}
</style>`;
}

/** Room at both ends; where the numbers hardly differ, a decade, or noise would look like a mountain. */
function scale(
  values: readonly number[],
  [from, to]: readonly [number, number],
  room: number,
): Scale {
  const logs = values.map(Math.log10);
  const [least, most] = [Math.min(...logs), Math.max(...logs)];
  const missing = Math.max(0, 1 - (most - least)) / 2;
  const low = least - missing - room;
  const high = most + missing + room;
  const at = (value: number) => from + ((Math.log10(value) - low) / (high - low)) * (to - from);
  const powers = Array.from({ length: 60 }, (_, i) => i - 30);
  const steps = high - low > 1.9 ? [1] : [1, 2, 5];
  const ticks = powers
    .flatMap((power) => steps.map((step) => step * 10 ** power))
    .filter((tick) => Math.log10(tick) >= low && Math.log10(tick) <= high);
  return { ticks, at };
}

function vertical(at: number, tick: number): string {
  const bottom = height - frame.bottom;
  return `<path class="grid" d="M${fine(at)} ${frame.top}V${bottom}"/><text class="small middle" x="${fine(at)}" y="${bottom + 18}">${tickText(tick)}</text>`;
}

function horizontal(at: number, tick: number): string {
  return `<path class="grid" d="M${frame.left} ${fine(at)}H${width - frame.right}"/><text class="small end" x="${frame.left - 8}" y="${fine(at + 4)}">${tickText(tick)}</text>`;
}

function drawLine(
  { name, points }: Line,
  index: number,
  across: Scale,
  up: Scale,
  labelAt: number,
): readonly string[] {
  const ink = index % inks.length;
  const path = points
    .map(({ x, y }, i) => `${i ? "L" : "M"}${fine(across.at(x))} ${fine(up.at(y))}`)
    .join("");
  const right = width - frame.right + 12;
  const last = points.at(-1);
  return [
    `<path class="line l${ink}" d="${path}"/>`,
    ...points.map(
      ({ x, y }) =>
        `<path class="f${ink}" d="${markAt(index, across.at(x), up.at(y))}"><title>${escaped(name)}: ${quantity(x)}, ${quantity(y)}</title></path>`,
    ),
    `<path class="f${ink}" d="${markAt(index, right, labelAt - 4)}"/>`,
    `<text x="${right + 12}" y="${fine(labelAt)}">${escaped(name)}</text>`,
    `<text class="small" x="${right + 12}" y="${fine(labelAt + 15)}">${last ? quantity(last.y) : ""}, grows as n^${exponentOf(points).toFixed(2)}</text>`,
  ];
}

function markAt(index: number, x: number, y: number): string {
  const at = `M${fine(x)} ${fine(y)}`;
  switch (marks[index % marks.length]) {
    case "square":
      return `${at}m-4-4h8v8h-8z`;
    case "triangle":
      return `${at}m0-5l5 9h-10z`;
    case "diamond":
      return `${at}m0-5.500l5.500 5.500l-5.500 5.500l-5.500-5.500z`;
    default:
      return `${at}m-4.200 0a4.200 4.200 0 1 0 8.400 0a4.200 4.200 0 1 0-8.400 0z`;
  }
}

/** Labels stand where their lines end, and below each other where those are too close. */
function spread(wanted: readonly number[]): readonly number[] {
  const apart = 36;
  const order = wanted.map((at, index) => ({ at, index })).sort((a, b) => a.at - b.at);
  const places: number[] = [];
  let next = Number.NEGATIVE_INFINITY;
  const lowest = height - frame.bottom - 18;
  for (const [rank, { at, index }] of order.entries()) {
    const mostLeft = lowest - (order.length - 1 - rank) * apart;
    next = Math.max(next, Math.min(at, mostLeft));
    places[index] = next;
    next += apart;
  }
  return places;
}

const axisText = ({ label, unit }: Axis) => (unit ? `${label} (${unit})` : label);

function tickText(tick: number): string {
  if (tick >= 1e6) return `${Number((tick / 1e6).toPrecision(3))}M`;
  if (tick >= 1e3) return `${Number((tick / 1e3).toPrecision(3))}k`;
  return String(Number(tick.toPrecision(3)));
}

const fine = (at: number) => String(Number(at.toFixed(1)));

const escaped = (text: string) =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
