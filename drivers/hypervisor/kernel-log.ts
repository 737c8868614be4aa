/**
 * What the host's kernel said about a guest's processes: that it killed them for memory, that they
 * crashed, that they broke a rule.
 *
 * The kernel keeps its log in a ring, so this is read when a machine has died and the lines are kept
 * with its death. It speaks of threads, which are gone by then, and of process numbers, which are used
 * again: hence the list of threads and the time. A host where the log may not be read has none to tell.
 */
import { closeSync, constants, openSync, readSync } from "node:fs";
import { codeOf } from "@holdfast/kernel/code-of";
import type { Clock, Instant } from "@holdfast/kernel/time";

/** Whose lines are sought. */
export interface Suspect {
  /** The name of its cgroup, which memory kills mention. */
  readonly group: string;
  /** Its process and every thread it was seen with. */
  readonly threads: ReadonlySet<number>;
  readonly since: Instant;
}

export interface KernelLog {
  /** Oldest first, each with its time in front, the last sixteen. */
  about(suspect: Suspect): readonly string[];
  close(): void;
}

interface Entry {
  readonly at: number;
  readonly text: string;
}

const mostLines = 16;
const mostKept = 2_048;
const longestLine = 400;
/** Records between two looks. A kernel that says more than that is not waited for. */
const mostRead = 20_000;
/** The kernel's clock and ours are set apart by a little, in milliseconds. */
const slack = 2_000;

/** Everything that could be about somebody's process. The rest is forgotten as it is read. */
const interesting =
  /oom-kill:|invoked oom-killer|[Kk]illed process|^memory: usage|segfault|general protection|traps: |trap \w+|type=1326|blocked for more than/;

export function kernelLog(clock: Clock, device = "/dev/kmsg"): KernelLog {
  let file: number | undefined;
  let kept: Entry[] = [];
  return {
    about(suspect) {
      try {
        read();
      } catch {
        // It was there a moment ago; what has been read will have to do.
      }
      const near = kept.filter(({ at }) => at >= suspect.since - slack);
      return linesAbout(near, suspect)
        .slice(-mostLines)
        .map(({ at, text }) => `${new Date(at).toISOString()} ${text}`);
    },
    close() {
      if (file !== undefined) closeSync(file);
      file = undefined;
    },
  };

  /** To the end of the log. Each read gives one record; none of them waits. */
  function read(): void {
    try {
      file ??= openSync(device, constants.O_RDONLY | constants.O_NONBLOCK);
    } catch {
      return; // Not ours to read, or not there.
    }
    // The kernel dates its lines by a clock that began with the host, and so does this one.
    const booted = clock.now() - Number(process.hrtime.bigint() / 1_000_000n);
    const record = Buffer.alloc(8_192); // The kernel's longest.
    for (let count = 0; count < mostRead; count++) {
      try {
        const length = readSync(file, record, 0, record.length, null);
        if (length === 0) break;
        const entry = parseRecord(record.toString("utf8", 0, length), booted);
        if (entry && interesting.test(entry.text)) kept.push(entry);
      } catch (error) {
        if (codeOf(error) === "EPIPE") continue; // Overwritten before we came; the next one is there.
        break;
      }
    }
    kept = kept.slice(-mostKept);
  }
}

/** `priority,sequence,microseconds,flags;text` and more lines of no interest. */
export function parseRecord(record: string, bootedAt: number): Entry | undefined {
  const [, time, text] = /^\d+,\d+,(\d+),[^;]*;(.*)/.exec(record) ?? [];
  if (time === undefined || text === undefined) return undefined;
  return { at: Math.round(bootedAt + Number(time) / 1_000), text: text.slice(0, longestLine) };
}

/** A memory kill is told in several lines, of which only some say whom it is about. */
export function linesAbout(entries: readonly Entry[], suspect: Suspect): readonly Entry[] {
  const { group, threads } = suspect;
  const isMeant = (number: string | undefined) => threads.has(Number(number));
  const found = new Set<Entry>();
  entries.forEach((entry, index) => {
    const { text } = entry;
    if (text.startsWith("oom-kill:")) {
      const pid = /,pid=(\d+)/.exec(text)?.[1];
      if (!text.includes(`/${group},`) && !isMeant(pid)) return;
      const usage = entries.slice(0, index).findLast((other) => isUsage(other, entry));
      if (usage) found.add(usage);
      found.add(entry);
      const verdict = entries[index + 1];
      if (verdict?.text.includes(`illed process ${pid} `)) found.add(verdict);
    } else if (crash.some((pattern) => isMeant(pattern.exec(text)?.[1]))) found.add(entry);
  });
  return [...found];
}

const isUsage = ({ at, text }: Entry, kill: Entry) =>
  text.startsWith("memory: usage") && kill.at - at < 1_000;

/** The number of a process or thread, as the kernel writes it for each kind of trouble. */
const crash = [
  /\[(\d+)\]: segfault/,
  /traps: .*\[(\d+)\]/,
  /\[(\d+)\] (?:general protection|trap )/,
  /type=1326 .*\bpid=(\d+)/,
  /task \S+:(\d+) blocked for more than/,
  /[Kk]illed process (\d+) /,
];
