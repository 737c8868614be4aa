/** Instances: shown, started, stopped and ended. How they are made is in run.ts. */
import {
  destroyInstance,
  getConsoleLog,
  type InstanceView,
  rebootInstance,
  startInstance,
  stopInstance,
} from "@holdfast/cloud/instances/api";
import { grouped } from "@holdfast/kernel/grouped";
import { Problem } from "@holdfast/kernel/problem";
import { refuse, unsupported } from "../core/errors.ts";
import { filtering, wantedTag } from "../core/filters.ts";
import { idOf } from "../core/ids.ts";
import {
  type InstanceRow,
  instanceFilters,
  instanceView,
  type Place,
  reservationOf,
  stateOf,
} from "../core/instance.ts";
import type { InstanceStateChange, Reservation } from "../core/words.ts";
import { type Answers, accountOf, type Call } from "./call.ts";
import { attributeAnswers } from "./instance-attributes.ts";
import { findInstanceRow, findInstances, readInstances } from "./instance-rows.ts";
import { statusAnswers } from "./instance-status.ts";
import { chosen } from "./pages.ts";
import { placeOf } from "./places.ts";
import { run } from "./run.ts";

export const instanceAnswers: Answers = {
  ...attributeAnswers,
  ...statusAnswers,
  RunInstances: run,

  async DescribeInstances(call) {
    const { input, database, project } = call;
    const place = await placeOf(call);
    const account = accountOf(project);
    const passes = filtering(input.Filters, instanceFilters, ({ Tags = [] }) => Tags as never); // Keys and values are there.
    const isFiltered = (input.Filters ?? []).length > 0;
    const isSeen = (row: InstanceRow) =>
      !isFiltered ||
      passes({
        ...instanceView(row, place),
        ReservationId: reservationOf(row),
        OwnerId: account,
      });
    const { page, next } = await chosen(input, "instance", input.InstanceIds, {
      find: (ids) => findInstances(database, project, ids),
      read: (from, count) =>
        readInstances(database, project, from, count, wantedTag(input.Filters)),
      pick: (row) => (isSeen(row) ? row : undefined),
    });
    return { Reservations: reserved(page, place), ...next };
  },

  async StartInstances(call) {
    return {
      StartingInstances: await commanded(call, call.input.InstanceIds, (params) =>
        call.native(startInstance, { params, body: {} }),
      ),
    };
  },

  async StopInstances(call) {
    if (call.input.Hibernate) throw unsupported("Hibernation is not supported.");
    const force = call.input.Force ?? false;
    return {
      StoppingInstances: await commanded(call, call.input.InstanceIds, (params) =>
        call.native(stopInstance, { params, body: { force } }),
      ),
    };
  },

  async RebootInstances(call) {
    await commanded(call, call.input.InstanceIds, (params) =>
      call.native(rebootInstance, { params, body: {} }),
    );
    return {};
  },

  async TerminateInstances(call) {
    const kept = (row: InstanceRow) => row.isProtected && stateOf(row).Name !== "terminated";
    const check = (rows: readonly InstanceRow[]) => {
      const protectedOne = rows.find(kept);
      if (protectedOne)
        throw refuse(
          "OperationNotPermitted",
          `The instance '${idOf("instance", protectedOne.id)}' may not be terminated. Modify its 'disableApiTermination' instance attribute and try again.`,
        );
    };
    const changes = await commanded(
      call,
      call.input.InstanceIds,
      (params) => call.native(destroyInstance, { params, body: {} }),
      check,
    );
    return { TerminatingInstances: changes };
  },

  async GetConsoleOutput(call) {
    const { InstanceId = "" } = call.input;
    const { id } = await findInstanceRow(call.database, call.project, InstanceId);
    const text = await consoleOf(call, id);
    return {
      InstanceId,
      Timestamp: call.clock.now(),
      ...(text === undefined ? {} : { Output: Buffer.from(text).toString("base64") }),
    };
  },
};

/** Each is looked at when it is written: a page of views at once is what the garbage collector would carry along. */
function* reserved(rows: readonly InstanceRow[], place: Place): Generator<Reservation> {
  for (const [ReservationId, some] of grouped(rows, reservationOf))
    yield {
      ReservationId,
      OwnerId: place.account,
      Groups: [],
      Instances: some.map((row) => instanceView(row, place)),
    };
}

/** As much as EC2 shows. */
const consoleBytes = 64 * 1024;

/** Undefined: it has never run, or its host has nothing of it any more. */
async function consoleOf(call: Call, instance: string): Promise<string | undefined> {
  try {
    const { lines } = await call.native(getConsoleLog, {
      params: { instance },
      query: { lines: 2_000 },
    });
    return lines
      .map(({ text }) => `${text}\r\n`)
      .join("")
      .slice(-consoleBytes);
  } catch (error) {
    if (error instanceof Problem && error.code === "no_console") return undefined;
    throw error;
  }
}

/** So many native commands of one request are under way at the same time. */
const atOnce = 16;

/** All are looked at before the first is told anything. */
async function commanded(
  call: Call,
  ids: readonly string[] | undefined,
  command: (params: {
    readonly instance: string;
  }) => Promise<{ readonly instances: readonly InstanceView[] }>,
  check: (rows: readonly InstanceRow[]) => void = () => {},
): Promise<readonly InstanceStateChange[]> {
  const rows = await findInstances(call.database, call.project, ids ?? []);
  check(rows);
  const changes: InstanceStateChange[] = [];
  for (let from = 0; from < rows.length; from += atOnce) {
    const some = rows.slice(from, from + atOnce).map(async (row) => {
      const before = stateOf(row);
      if (row.state === "expunged") return { row, before, now: before };
      const { instances } = await command({ instance: row.id });
      const [told] = instances;
      return { row, before, now: told ? stateOf(told) : before };
    });
    for (const { row, before, now } of await Promise.all(some))
      changes.push({
        CurrentState: now,
        InstanceId: idOf("instance", row.id),
        PreviousState: before,
      });
  }
  return changes;
}
