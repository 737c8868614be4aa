/**
 * Running ip, bridge and nft in a namespace, and counting what they were told to change.
 *
 * Orders go in as batches, to a shell that stays: starting a program costs more than what it does. A batch stops at
 * its first error; whoever sends it looks again and sends what is still missing.
 */
import { spawn } from "node:child_process";
import { ipDialect, longestLine, nftDialect } from "./dialects.ts";
import { residents } from "./residents.ts";
import { type Step, shell } from "./shell.ts";

/** Undefined is the namespace that this process is in. A name is one of `ip netns`. */
export type Namespace = string | undefined;

export interface Commands {
  /** Output of a program; throws with its complaints if it fails. */
  run(where: Namespace, argv: readonly string[], input?: string): Promise<string>;
  /** `ip` or `bridge`, a line for each order. */
  batch(where: Namespace, program: Batch["program"], lines: readonly string[]): Promise<void>;
  /** All or nothing. Counts as one order. */
  nft(where: Namespace, text: string): Promise<void>;
  /** As each of these by itself, one after another up to the first that fails, in one go; filters beside links. */
  sequence(batches: readonly Batch[]): Promise<void>;
  /**
   * The same, by programs that stay: in a tenth of the time. No line of an nft's may be part of a block. It rejects as well
   * where nobody knows what was done.
   */
  promptly(batches: readonly Batch[]): Promise<void>;
  /**
   * Begins those that `promptly` will need for the host and for as many of these namespaces as it keeps. Whoever has removed
   * devices must say so.
   */
  prepare(namespaces: readonly string[]): void;
  /** By the shell, one after another up to the first that fails, in the namespace that this process is in. Counts as one order. */
  steps(steps: readonly Step[]): Promise<void>;
  /** `path` is below /proc/sys, which shows each process its own namespace's. */
  setSysctl(where: Namespace, values: Readonly<Record<string, string>>): Promise<void>;
  /** Orders so far. */
  changes(): number;
  count(orders: number): void;
  /** Ends what stays for the next order. One that comes after that starts it anew. */
  close(): void;
}

/** Lines for one program. */
export interface Batch {
  readonly where: Namespace;
  readonly program: "ip" | "bridge" | "nft";
  readonly lines: readonly string[];
}

/** Standard directories only: nothing of our environment decides which program this is. */
export const environment = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C" };

export const namespaceFile = (name: string) => `/run/netns/${name}`;

/** `home` is where undefined means, if that is not where this process is. */
export function commands(home: Namespace): Commands {
  let changes = 0;
  const resident = shell(["/bin/sh"], environment);
  /** Beside it, so that neither waits for the other. */
  const filtering = shell(["/bin/sh"], environment);
  const within = (where: Namespace, argv: readonly string[]) => {
    const namespace = where ?? home;
    // Not `ip netns exec`: that makes mounts of its own, which costs, and hides /sys of the host.
    return namespace ? ["nsenter", `--net=${namespaceFile(namespace)}`, ...argv] : argv;
  };
  const staying = residents({
    speak: (where, program) =>
      (program === "nft" ? nftDialect : ipDialect)(within(where, []), environment),
    fileOf(where) {
      const namespace = where ?? home;
      return namespace && namespaceFile(namespace);
    },
  });
  const self: Commands = {
    run: (where, argv, input) => execute(within(where, argv), input),
    batch: (where, program, lines) => self.sequence([{ where, program, lines }]),
    nft: (where, text) => self.sequence([{ where, program: "nft", lines: [text] }]),
    async sequence(batches) {
      const some = batches.filter(({ lines }) => lines.length > 0);
      for (const { program, lines } of some) changes += program === "nft" ? 1 : lines.length;
      const isFilter = some.every(({ program }) => program === "nft");
      if (some.length > 0)
        await (isFilter ? filtering : resident).run(
          some.map(({ where, program, lines }) => ({
            argv: within(where, [program, program === "nft" ? "-f" : "-batch", "-"]),
            input: lines.join("\n"),
          })),
        );
    },
    async promptly(batches) {
      for (const batch of batches) {
        const { where, program, lines } = batch;
        const text = lines.join("\n");
        if (program === "bridge" || text.length > longestLine) await self.sequence([batch]);
        else if (lines.length > 0) {
          changes += program === "nft" ? 1 : lines.length;
          await staying.of(where, program).order(text, `${program} in ${where ?? "the host"}`);
        }
      }
    },
    prepare(namespaces) {
      staying.renew(namespaces);
    },
    steps(steps) {
      changes++;
      return resident.run(steps);
    },
    async setSysctl(where, values) {
      const entries = Object.entries(values);
      changes += entries.length;
      const script = entries.map(([path, value]) => `echo ${value} > /proc/sys/${path}`).join("; ");
      await resident.run([{ argv: within(where, ["/bin/sh", "-ec", script]) }]);
    },
    changes: () => changes,
    count(orders) {
      changes += orders;
    },
    close() {
      resident.close();
      filtering.close();
      staying.close();
    },
  };
  return self;
}

export function execute(argv: readonly string[], input = ""): Promise<string> {
  const [program = "", ...args] = argv;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env: environment, stdio: ["pipe", "pipe", "pipe"] });
    let output = "";
    let complaints = "";
    child.on("error", reject);
    if (!child.stdout) return; // There was no file left for it, which is said next.
    child.stdout.setEncoding("utf8").on("data", (data: string) => {
      output += data;
    });
    child.stderr.setEncoding("utf8").on("data", (data: string) => {
      complaints += data;
    });
    child.on("close", (code, signal) => {
      if (code === 0) return resolve(output);
      const words = complaints.trim().slice(0, 2_000);
      reject(new Error(`${argv.join(" ")} ended with ${code ?? signal}: ${words}`));
    });
    child.stdin.on("error", () => {}); // It ended without reading, and says why.
    child.stdin.end(input);
  });
}
