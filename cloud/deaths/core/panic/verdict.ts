/**
 * From a fault to whoever can do something about it.
 *
 * The kernel of a guest comes with its image, so a bug of the kernel is the image's by default. It is
 * ours only when the console shows that the machine below failed it, and the workload's only when the
 * workload used up what it was given or asked for it. Rows are tried from the top.
 */
import type { Line } from "./console.ts";
import type { FaultClass, Layer, Verdict } from "./model.ts";

export interface Facts {
  readonly class: FaultClass;
  readonly function: string | undefined;
  readonly module: string | undefined;
  /** What the rule says about the fault. */
  readonly meaning: string;
  readonly report: readonly Line[];
  readonly console: readonly Line[];
}

interface Row {
  readonly when: (facts: Facts) => boolean;
  readonly layer: Layer;
  readonly because: (facts: Facts) => string;
}

const is =
  (...classes: readonly FaultClass[]) =>
  ({ class: fault }: Facts): boolean =>
    classes.includes(fault);

const diskFailed =
  /I\/O error,? (?:on )?dev|Buffer I\/O error on dev|(?:virtio_blk|nvme).{0,60}timeout/;
const waitsForDisk = /\b(?:io_schedule|blk_|bio_|submit_bio|jbd2_|wait_on_buffer|rq_qos_wait)/;
const idle =
  /\b(?:native_safe_halt|default_idle|pv_native_safe_halt|acpi_idle|mwait_idle|do_idle)\+/;
const hasNoDisk =
  /Please append a correct "root=" boot option|List of all (?:partitions|bdev filesystems)/;
/** Taints of foreign modules: out of the tree (O), unsigned (E), proprietary (P). */
const foreign = /Tainted: [A-Z ]{0,30}[POE]/;
const noMemory = /page allocation failure|Out of memory: Kill|SLUB: Unable to allocate memory/;

const rows: readonly Row[] = [
  {
    when: is("hardware"),
    layer: "infrastructure",
    because: () => "The processor or the memory below the guest reported an error.",
  },
  {
    when: is("disk-error"),
    layer: "infrastructure",
    because: () => "A disk that the platform provides failed to read or write.",
  },
  {
    when: (facts) =>
      is("filesystem-corruption", "no-root-filesystem", "init-died", "hang")(facts) &&
      anyLine(facts.console, diskFailed),
    layer: "infrastructure",
    because: () => "The disk failed to read or write before it; what followed is its consequence.",
  },
  {
    when: (facts) => is("hang")(facts) && anyLine(facts.report, waitsForDisk),
    layer: "infrastructure",
    because: () => "The task waited for a disk, and the disk did not answer in time.",
  },
  {
    when: (facts) =>
      is("hang")(facts) &&
      /soft lockup/.test(facts.report[0]?.text ?? "") &&
      anyLine(facts.report, idle),
    layer: "infrastructure",
    because: () =>
      "The processor that did not move was idle: its host did not let it run for that long.",
  },
  {
    // Before 5.10, sysrq crashed by using a pointer that is not set.
    when: (facts) => is("requested")(facts) || facts.function === "sysrq_handle_crash",
    layer: "application",
    because: () => "Somebody inside the guest asked for the crash, through sysrq.",
  },
  {
    when: is("program-crash"),
    layer: "application",
    because: () => "A program crashed; the kernel reported no fault.",
  },
  {
    when: is("out-of-memory"),
    layer: "application",
    because: () => "The programs of the guest needed more memory than the instance has.",
  },
  {
    when: (facts) => is("init-died")(facts) && anyLine(facts.console, noMemory),
    layer: "application",
    because: () => "The first process ended after the guest ran out of memory.",
  },
  {
    when: is("init-died"),
    layer: "base-image",
    because: ({ report }) =>
      `The first process belongs to the image, and it ended${howItEnded(report)}.`,
  },
  {
    when: (facts) => is("no-root-filesystem")(facts) && anyLine(facts.console, hasNoDisk),
    layer: "base-image",
    because: () =>
      "The kernel looked for its root where the image says it is, and there is none: check root=, the initramfs, and the driver of the disk.",
  },
  {
    when: is("no-root-filesystem"),
    layer: "base-image",
    because: () => "The image names a root file system that its kernel cannot mount.",
  },
  {
    when: ({ module, report }) =>
      module !== undefined && !module.includes("/") && anyLine(report, foreign),
    layer: "base-image",
    because: ({ module }) =>
      `The fault is in the module ${module}, and this kernel runs modules that are not its own.`,
  },
  {
    when: is("reboot"),
    layer: "base-image",
    because: () => "The guest's kernel started again, and nothing before it says why.",
  },
  {
    when: () => true,
    layer: "base-image",
    because: (facts) => {
      const place = [facts.function, facts.module && `in ${facts.module}`]
        .filter(Boolean)
        .join(" ");
      return `A fault of the kernel that the image brings${place ? ` (${place})` : ""}. ${facts.meaning}`;
    },
  },
];

export function judge(facts: Facts): Verdict {
  const row = rows.find(({ when }) => when(facts)) ?? rows[rows.length - 1];
  if (!row) throw new Error("the table of verdicts has no row for every fault");
  return { layer: row.layer, because: row.because(facts) };
}

/** How init ended, from `exitcode=0x…`: the low seven bits are a signal, the next eight its exit code. */
function howItEnded(report: readonly Line[]): string {
  const text = report
    .map((line) => /exitcode ?= ?0x([0-9a-f]{1,8})/.exec(line.text)?.[1])
    .find(Boolean);
  if (!text) return "";
  const status = Number.parseInt(text, 16);
  const signal = status & 0x7f;
  return signal ? ` on signal ${signal}` : ` with exit code ${(status >> 8) & 0xff}`;
}

function anyLine(lines: readonly Line[], pattern: RegExp): boolean {
  return lines.some(({ text }) => pattern.test(text));
}
