/**
 * From the lines of a report to functions, and to the one at fault.
 *
 * A stack has two ends, and neither is the answer: at the top are the functions that noticed, at the
 * bottom the ones through which every call comes. Frames with a `?` are old values that happened to
 * lie on the stack; believing them names functions that were not running.
 */
import type { Line } from "./console.ts";
import { isHelper, plainName } from "./helpers.ts";
import { loopingIn, waitingIn } from "./pick.ts";

export interface Frame {
  readonly name: string;
  /** The loadable module, when the kernel prints one. */
  readonly module?: string;
  /** The line that it was read from, for the evidence. */
  readonly line: Line;
}

/** A place to go to (yielding a function if the pattern captures one), or the stack that follows. */
export type Step = RegExp | "trace";

/** Where the function at fault is to be found in a report. */
export interface Culprit {
  readonly path: readonly Step[];
  /** Tried when the first path leads to no function. */
  readonly otherwise?: readonly Step[];
  /** Functions that are helpers for this kind of fault only. */
  readonly skip?: RegExp;
  /** Which of the remaining frames it is. The first, when absent. */
  readonly pick?: "looping" | "waiting";
}

const address = String.raw`\[<?(?:0x)?[0-9a-f]{4,16}>?\]`;
/** A symbol as the kernel prints it: `name+0x12/0x34`, `name.isra.0+0x…`, `0010:name+0x…`, or Rust's. */
const symbol = String.raw`(?:[0-9a-f]{1,4}:)?(<[^+\n]{1,200}|[A-Za-z_][\w$]{0,255}(?:::[\w:<>]{1,200})?)(?:[.+])`;
const frame = new RegExp(String.raw`^[ \t]*(?:${address} ){0,2}[ \t]*${symbol}`);
/** ARM prints caller and callee in one line, and the top of the stack only as a caller. */
const armFrame = new RegExp(
  String.raw`^[ \t]*${address} \(([\w.$]{1,255})\) from ${address} \(([\w.$]{1,255})`,
);
const moduleSuffix = /\[(\w{1,64})(?: [^\]]{0,64})?\]\)?\s*$/;
const starts =
  /Call [Tt]race|Allocated:|Freed:|(?:Allocated|Freed) by task \d+:|(?:^|[^k] )backtrace(?: \(crc [0-9a-f]*\))?:|Backtrace:|Uninit was stored to memory at/;
/** Injected allocation failures print a stack of their own into the report. */
const intruder = /^\s*(?:\[<?(?:0x)?[0-9a-f]+>?\] )?\s*should_fail(?:slab)?(?:\.[a-z0-9.]+)?\+0x/;

/** A pattern with {symbol} and {address} in it. */
export function pattern(source: string): RegExp {
  return new RegExp(source.replaceAll("{symbol}", symbol).replaceAll("{address}", address));
}

/** The instruction at which the processor was, on any architecture; captures the function if named. */
export const instruction = pattern(
  String.raw`(?:\b[NRE]?IP|pc |PC is at):? (?:(?:[0-9]{1,4}:)?(?:{address} +){0,2}{symbol}|(?:[0-9]{1,4}:)?0x[0-9a-f]+|(?:[0-9]{1,4}:)?{address} +\[< *\(null\)>\] +\(null\)|[0-9]{1,4}: +\(null\))`,
);
export const callTrace = /Call [Tt]race:|Backtrace:/;

const picks = {
  first: (frames: readonly Frame[]): Frame | undefined => frames[0],
  looping: loopingIn,
  waiting: waitingIn,
};

/** The function at fault in a report whose first line is the one that named the fault. */
export function findCulprit(lines: readonly Line[], culprit: Culprit): Frame | undefined {
  const pick = picks[culprit.pick ?? "first"];
  for (const path of [culprit.path, culprit.otherwise ?? []]) {
    const frames = walk(lines, path, culprit.skip);
    const picked = frames.length > 0 ? pick(frames) : undefined;
    if (picked) return picked;
  }
  return undefined;
}

function walk(lines: readonly Line[], path: readonly Step[], skip: RegExp | undefined): Frame[] {
  const frames: Frame[] = [];
  let at = 0;
  for (const step of path) {
    let isFound = false;
    while (!isFound && at < lines.length) {
      const line = lines[at++];
      if (!line) break;
      if (intruder.test(line.text)) return frames;
      if (step === "trace") {
        if (starts.test(line.text)) isFound = true;
        else frames.push(...framesOf(line).filter(wanted));
      } else {
        const match = step.exec(line.text);
        if (!match) continue;
        isFound = true;
        if (match[1]) frames.push(...[frameOf(match[1], line)].filter(wanted));
      }
    }
  }
  return frames;

  function wanted({ name }: Frame): boolean {
    return !isHelper(name) && !skip?.test(name);
  }
}

/** The frames of one line of a stack: none, one, or ARM's two. */
export function framesOf(line: Line): Frame[] {
  if (line.text.length > 600) return [];
  const arm = armFrame.exec(line.text);
  if (arm?.[1] && arm[2]) return [frameOf(arm[1], line), frameOf(arm[2], line)];
  const name = frame.exec(line.text)?.[1];
  return name ? [frameOf(name, line)] : [];
}

function frameOf(symbolName: string, line: Line): Frame {
  const name = plainName(symbolName);
  const module = line.text.length > 600 ? undefined : moduleSuffix.exec(line.text)?.[1];
  return { name, line, ...(module && module !== "inline" ? { module } : {}) };
}
