/**
 * How things are, for people who may be woken by it: the worst first, one thing at a time, and each with
 * what is being done already, so that nobody does it twice.
 */
import type { ReplyOf } from "@holdfast/client/client";
import type {
  AlarmEventView,
  AlarmView,
  CheckView,
  getHealth,
  StatusView,
  TroubleView,
} from "@holdfast/cloud/checks/api";
import type { Instant } from "@holdfast/kernel/time";
import { type Cell, facts, type Paint, type Tone, table } from "./table.ts";
import { clockTime, counted, plain, relative } from "./words.ts";

const checkTones: Readonly<Record<CheckView["status"], Tone>> = {
  passed: "good",
  failed: "bad",
  "insufficient-data": "dim",
  initializing: "busy",
};
const summaryTones: Readonly<Record<StatusView["summary"], Tone>> = {
  ok: "good",
  impaired: "bad",
  "insufficient-data": "dim",
  "not-applicable": "dim",
  initializing: "busy",
};

export function statusText(status: StatusView, now: Instant, paint: Paint): string {
  const { name, state, host, summary, checks, observedAt } = status;
  const all = [
    ["system", checks.system],
    ["instance", checks.instance],
    ["volume", checks.volume],
  ] as const;
  const rows = all.map(([check, { status: word, impairedSince, says }]): readonly Cell[] => [
    check,
    { text: word, tone: checkTones[word] },
    impairedSince === null ? "" : relative(impairedSince, now),
    plain(says),
  ]);
  const fixes = all.flatMap(([check, { fix }]) => (fix ? [`next (${check}): ${plain(fix)}`] : []));
  const where = host ? ` on ${host}` : "";
  const seen = observedAt === null ? "" : `, looked at ${relative(observedAt, now)}`;
  return [
    `${paint("strong", name)} is ${state}${where}: ${paint(summaryTones[summary], summary)}${seen}`,
    "",
    table(["CHECK", "STATUS", "SINCE", "SEEN"], rows, paint),
    ...(fixes.length > 0 ? ["", ...fixes] : []),
  ].join("\n");
}

export const summaries = Object.keys(summaryTones) as readonly StatusView["summary"][]; // Its keys, and no others.

export function statusTable(statuses: readonly StatusView[], now: Instant, paint: Paint): string {
  const cell = ({ status: text }: CheckView): Cell => ({ text, tone: checkTones[text] });
  const rows = statuses.map(({ name, state, host, summary, checks }): readonly Cell[] => {
    const { system, instance, volume } = checks;
    const sinces = [system, instance, volume].flatMap(({ impairedSince: at }) => at ?? []);
    return [
      name,
      state,
      host ?? "-",
      { text: summary, tone: summaryTones[summary] },
      cell(system),
      cell(instance),
      cell(volume),
      sinces.length > 0 ? relative(Math.min(...sinces), now) : "",
    ];
  });
  const head = ["NAME", "STATE", "HOST", "SUMMARY", "SYSTEM", "INSTANCE", "VOLUME", "SINCE"];
  return table(head, rows, paint);
}

const severityTones: Readonly<Record<TroubleView["severity"], Tone>> = {
  outage: "bad",
  degraded: "busy",
  risk: "dim",
};

export function healthText(
  { isWell, troubles, unknown }: ReplyOf<typeof getHealth>,
  now: Instant,
  paint: Paint,
): string {
  if (isWell) return paint("good", "All is well.");
  const outages = troubles.filter(({ severity }) => severity === "outage").length;
  const worst =
    outages > 0 ? `, ${outages} of them ${outages === 1 ? "an outage" : "outages"}` : "";
  const head = `${counted(troubles.length, "thing")} ${troubles.length === 1 ? "is" : "are"} wrong${worst}.`;
  return [
    head,
    ...troubles.map((trouble) => troubleText(trouble, now, paint)),
    ...(unknown.length > 0
      ? [["Could not be found out:", ...unknown.map((one) => `  ${plain(one)}`)].join("\n")]
      : []),
  ].join("\n\n");
}

function troubleText(trouble: TroubleView, now: Instant, paint: Paint): string {
  const { severity, subject, since, says, affects, doing, fix } = trouble;
  const more = affects.count - affects.names.length;
  const names = `${affects.names.join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
  return [
    `${paint(severityTones[severity], severity)}  ${subject.kind} ${paint("strong", plain(subject.name))}, ${relative(since, now)}`,
    facts(
      [
        ["what", plain(says)],
        ["affects", affects.count > 0 ? `${counted(affects.count, "instance")}: ${names}` : ""],
        ["doing", plain(doing)],
        ["next", fix === null ? "" : plain(fix)],
      ],
      paint,
    ),
  ].join("\n");
}

const alarmTones: Readonly<Record<AlarmView["state"], Tone>> = {
  ok: "good",
  alarm: "bad",
  "insufficient-data": "dim",
};

export function alarmTable(alarms: readonly AlarmView[], now: Instant, paint: Paint): string {
  return table(
    ["NAME", "INSTANCE", "CHECK", "PERIODS", "ACTION", "STATE", "SINCE"],
    alarms.map(({ name, instance, check, periods, action, state, since }) => [
      name,
      instance ?? { text: "all", tone: "dim" },
      check,
      String(periods),
      action,
      { text: state, tone: alarmTones[state] },
      since === null ? "" : relative(since, now),
    ]),
    paint,
  );
}

export function alarmDetails(alarm: AlarmView, now: Instant, paint: Paint): string {
  const { name, instance, check, periods, action, webhook, state, ringing } = alarm;
  return [
    paint("strong", name),
    facts(
      [
        ["state", { text: state, tone: alarmTones[state] }],
        ["rings for", ringing.map(plain).join(", ")],
        ["watches", `${watched[check]} of ${instance ?? "all instances"}`],
        [
          "after",
          periods === 1 ? "the first failed interval" : `${periods} failed intervals in a row`,
        ],
        ["does", deeds[action]],
        ["webhook", webhook ?? ""],
        ["created", `${relative(alarm.createdAt, now)} by ${alarm.createdBy}`],
      ],
      paint,
    ),
  ].join("\n");
}

const watched: Readonly<Record<AlarmView["check"], string>> = {
  any: "every check",
  system: "the system check",
  instance: "the instance check",
  volume: "the volume check",
};

const deeds: Readonly<Record<AlarmView["action"], string>> = {
  recover: "recover: start it anew wherever there is room",
  reboot: "reboot: ask its guest, then press the button",
  stop: "stop: ask its guest, then end it",
  notify: "notify: post to the webhook what has changed",
};

export function alarmEventLine({ at, event, actor, detail }: AlarmEventView, paint: Paint): string {
  const told = detail as { instance?: unknown; action?: unknown; says?: unknown } | null; // Only looked at.
  const words = [told?.instance, told?.action, told?.says].filter((one) => typeof one === "string");
  return [
    paint("dim", clockTime(at)),
    event.padEnd(16),
    plain(words.join("  ")),
    paint("dim", `by ${plain(actor)}`),
  ].join("  ");
}
