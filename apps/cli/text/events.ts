/** Scheduled events, event windows and keys, for people. */
import type { ScheduledEventView, WindowView } from "@holdfast/cloud/events/api";
import type { KeyView } from "@holdfast/cloud/keys/api";
import { type Instant, milliseconds } from "@holdfast/kernel/time";
import { type Cell, type Paint, table } from "./table.ts";
import { tagColumn } from "./tags.ts";
import { relative, span } from "./words.ts";

const stateOf = ({ state, begunAt }: ScheduledEventView): Cell =>
  state === "active"
    ? begunAt === null
      ? { text: "planned", tone: "busy" }
      : { text: "under way", tone: "bad" }
    : { text: state, tone: "dim" };

const ways = {
  "stop-start": "stop and start",
  reboot: "reboot",
  migrate: "move",
} as const satisfies Record<ScheduledEventView["clearedBy"][number], string>;

export const eventTable = (events: readonly ScheduledEventView[], now: Instant, paint: Paint) =>
  table(
    ["EVENT", "INSTANCE", "CODE", "STATE", "WHEN", "UNTIL", "CLEARED BY", "SAYS"],
    events.map((one) => [
      one.id,
      one.instance,
      one.code,
      stateOf(one),
      relative(one.endedAt ?? one.notBefore, now),
      one.deadline === null ? "-" : relative(one.deadline, now),
      one.clearedBy.map((way) => ways[way]).join(" or ") || "-",
      one.outcome ?? one.says,
    ]),
    paint,
  );

const two = (hour: number) => String(hour).padStart(2, "0");
const rangeText = ({ startDay, startHour, endDay, endHour }: WindowView["ranges"][number]) =>
  `${startDay.slice(0, 3)} ${two(startHour)}-${endDay === startDay ? "" : `${endDay.slice(0, 3)} `}${two(endHour)}`;

export const windowTable = (windows: readonly WindowView[], now: Instant, paint: Paint) =>
  table(
    ["WINDOW", "WEEKLY, IN UTC", "FOR", "AGE"],
    windows.map((one) => [
      one.name,
      one.ranges.map(rangeText).join(", "),
      one.instances === null ? "all in no other" : one.instances.join(", ") || "nothing",
      span(milliseconds(now - one.createdAt)),
    ]),
    paint,
  );

export function keyTable(keys: readonly KeyView[], now: Instant, paint: Paint): string {
  const tags = tagColumn(keys);
  return table(
    ["KEY", "TYPE", "FINGERPRINT", "AGE", ...tags.heads],
    keys.map((one) => [
      one.name,
      one.publicKey.split(" ")[0] ?? "",
      one.fingerprint,
      span(milliseconds(now - one.createdAt)),
      ...tags.of(one),
    ]),
    paint,
  );
}
