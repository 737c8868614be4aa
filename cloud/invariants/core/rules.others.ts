/** What always holds of jobs, volumes, networks and planned work. */
import { localPool, volumeLifecycle } from "@holdfast/cloud/volumes";
import { seconds } from "@holdfast/kernel/time";
import type { JobSight, NetworkSight, Rule, VolumeSight, WorkSight } from "./model.ts";

const when = (isWrong: boolean, says: string) => (isWrong ? [says] : []);

export const jobRules: readonly Rule<JobSight>[] = [
  {
    name: "jobs-end",
    says: "For every instance that an open job still waits for, there is one that carries it.",
    why: "It would be open for ever, and whoever waits for it with it.",
    find: ({ state, total, succeeded, failed, cancelled, carriers }) => {
      const left = total - succeeded - failed - cancelled;
      return [
        ...when(
          state === "running" && carriers !== left,
          `${left} of ${total} are still to come, and ${carriers} instances carry it`,
        ),
        ...when(
          state !== "running" && carriers > 0,
          `it is ${state}, and ${carriers} still carry it`,
        ),
      ];
    },
  },
  {
    name: "jobs-add-up",
    says: "A job is over exactly when all its instances are accounted for, each once.",
    why: "Somebody would be told that it is done when it is not, or wait for what has happened.",
    find: ({ state, total, succeeded, failed, cancelled, finishedAt, targets }) => {
      const done = succeeded + failed + cancelled;
      const outcome = failed > 0 ? "failed" : cancelled > 0 ? "cancelled" : "succeeded";
      return [
        ...when(total !== targets, `it is for ${targets} and counts to ${total}`),
        ...when(done > total, `${done} of ${total} are done`),
        ...when((state === "running") !== done < total, `it is ${state} with ${done} of ${total}`),
        ...when(
          (state === "running") !== (finishedAt === null),
          `it is ${state} since ${finishedAt}`,
        ),
        ...when(
          state !== "running" && state !== outcome,
          `it is ${state}: ${succeeded} succeeded, ${failed} failed, ${cancelled} were cancelled`,
        ),
      ];
    },
  },
];

/** Nobody could do without their end: they are tried until they are done. */
const isForever: ReadonlySet<string> = new Set(["remove", "remove-snapshot", "remove-backup"]);
const volumeStates: ReadonlySet<string> = new Set(volumeLifecycle.states);

export const volumeRules: readonly Rule<VolumeSight>[] = [
  {
    name: "volumes-get-somewhere",
    says: "A volume that is being made or deleted has somebody who does that: a task, or the instance that it is the root of.",
    why: "It would be on its way for ever, and its bytes lost with it.",
    find: ({ state, kind, owner, tasks, makers }) => {
      const isRootOf = owner?.isRoot ? owner.state : undefined;
      return [
        ...when(!volumeStates.has(state), `it is ${state}, which no volume can be`),
        ...when(
          state === "expunging" &&
            isRootOf !== "expunging" &&
            !tasks.some((one) => one.do === "remove"),
          "it is being deleted, and nobody was asked to",
        ),
        ...when(
          state === "creating" && kind !== "ephemeral" && !isRootOf && makers === 0,
          "it is being made, and nobody was asked to",
        ),
      ];
    },
  },
  {
    name: "open-volumes-stay",
    says: "No volume of an instance with a home is deleted or replaced.",
    why: "A guest that may be running would lose its disk under its feet.",
    find: ({ state, owner, tasks }) =>
      owner === null || owner.home === null
        ? []
        : [
            ...when(
              state === "expunging" || state === "expunged" || state === "destroyed",
              `it is ${state}, and its instance is ${owner.state}`,
            ),
            ...when(
              tasks.some((one) => one.do === "restore" || one.do === "restore-backup"),
              `it is being restored, and its instance is ${owner.state}`,
            ),
            ...when(
              tasks.some((one) => one.do === "remove"),
              `somebody was asked to delete it, and its instance is ${owner.state}`,
            ),
          ],
  },
  {
    name: "snapshots-get-somewhere",
    says: "A snapshot or backup that is being made or deleted has a task for that, and only one.",
    why: "It could neither be used nor removed, and would keep its volume busy.",
    find: ({ snapshots, backups }) =>
      [
        ...snapshots.map((one) => ({ ...one, what: "snapshot" })),
        ...backups.map((one) => ({ ...one, what: "backup" })),
      ].flatMap(({ what, id, state, tasks }) =>
        when(
          (state === "making" || state === "deleting") && tasks !== 1,
          `the ${what} ${id} is ${state} with ${tasks} tasks`,
        ),
      ),
  },
  {
    name: "tasks-not-overdue",
    says: "What a host does with a volume ends by its deadline, or whoever asked is told that it failed.",
    why: "Its volume would be busy for ever.",
    find: ({ tasks }, { lateBefore }) =>
      tasks.flatMap((one) =>
        when(
          !isForever.has(one.do) && one.deadline < lateBefore,
          `its ${one.do} should have ended by ${new Date(one.deadline).toISOString()}`,
        ),
      ),
  },
  {
    name: "gone-volumes-are-empty",
    says: "Nothing is attached to, lies in or is to be done with a volume that is expunged.",
    why: "It would be waited for for ever, and its instance could not start.",
    find: ({ state, owner, snapshots, tasks }) =>
      state !== "expunged"
        ? []
        : [
            ...when(
              owner !== null && owner.state !== "expunged" && owner.state !== "expunging",
              `it is a disk of an instance that is ${owner?.state}`,
            ),
            ...when(snapshots.length > 0, `${snapshots.length} snapshots are of it`),
            ...when(
              tasks.some((one) => one.do !== "remove-backup" && !one.do.includes("backup")),
              "something is to be done with it",
            ),
          ],
  },
  {
    name: "made-volumes-are-somewhere",
    says: "A volume with bytes is on a host or in a pool that somebody has made it in.",
    why: "Nobody could open it.",
    find: ({ state, host, pool }) =>
      when(
        (state === "ready" || state === "expunging") && host === null,
        `it is ${state} in the pool ${pool === localPool ? "of a host" : pool}, and nobody has made it`,
      ),
  },
];

/** Rounds over networks and volumes are made every second, by one manager at a time. */
const rounds = {
  lasts: seconds(15),
  because:
    "Guests come and go in one transaction, and what the networks need follows in the round after it, a second later.",
};

export const networkRules: readonly Rule<NetworkSight>[] = [
  {
    name: "addresses-are-given-back",
    says: "A connection belongs to an instance that is there, in a network that is there, with an address of that network.",
    why: "Addresses leak, or two guests answer for one.",
    find: ({ strangers }) => strangers.map((address) => `${address} is held by nobody who may`),
  },
  {
    name: "gone-networks-hold-nothing",
    says: "A network that was deleted has no connections, no forwarded ports, no router and no public address.",
    why: "They could be given back by nobody.",
    find: ({ isDeleted, nics, forwards, addresses, router }) =>
      isDeleted
        ? [
            ...when(nics > 0, `it has ${nics} connections`),
            ...when(forwards > 0, `it has ${forwards} forwarded ports`),
            ...when(addresses > 0, `it has ${addresses} public addresses`),
            ...when(router !== null, "it has a router"),
          ]
        : [],
  },
  {
    name: "routers-rise",
    says: "Each router of a network has a higher generation than the one before, until the network has had none.",
    why: "Two hosts would answer for one address.",
    find: ({ router, routerGenerations }) => [
      ...when(
        routerGenerations.some(
          (one, at) => one !== 1 && one !== (routerGenerations[at - 1] ?? 0) + 1,
        ),
        `its routers were of generations ${routerGenerations.join(", ")}`,
      ),
      ...when(
        router !== null && router.epoch > router.hostEpoch,
        `its router is of epoch ${router?.epoch} of a host that is in ${router?.hostEpoch}`,
      ),
    ],
  },
  {
    name: "routers-follow-guests",
    says: "A network has a router only while a guest of it may be running.",
    why: "Routers would be left behind on hosts that nobody uses.",
    grace: rounds,
    find: ({ guests, router }) => when(router !== null && guests === 0, "nobody needs its router"),
  },
  {
    name: "automatic-addresses-follow-guests",
    says: "A public address that was given automatically is held only while its instance is meant to run.",
    why: "They are few, and others wait for them.",
    grace: rounds,
    find: ({ idleAddresses }) => idleAddresses.map((address) => `${address} serves nobody`),
  },
];

/** A person may set the mode of a host by hand, and the round that ends the work then is a second away. */
const byHand = {
  lasts: seconds(15),
  because: "Somebody may set the mode of a host by hand; the next round sees that, a second later.",
};

export const workRules: readonly Rule<WorkSight>[] = [
  {
    name: "given-over-hosts-are-empty",
    says: "A host that was given over for work is in maintenance, and nothing of anybody may be running there.",
    why: "Somebody would pull the plug on a guest.",
    grace: byHand,
    find: ({ work, state, mode, lodgers }) =>
      state !== "in-maintenance" || work === "interrupt"
        ? []
        : [
            ...when(mode !== "maintenance", `its host is ${mode}`),
            ...when(lodgers.length > 0, `${lodgers.join(", ")} may be running there`),
          ],
  },
  {
    name: "work-is-known-to-placement",
    says: "Nothing is placed on a host whose work is under way.",
    why: "It would be ended again a moment later.",
    grace: byHand,
    find: ({ state, mode }) =>
      when(
        state !== "planned" && state !== "ended" && mode === "enabled",
        `it is ${state}, and its host is ${mode}`,
      ),
  },
  {
    name: "work-begins-and-ends",
    says: "Planned work begins when it is due, and an interruption is over when it was said to be.",
    why: "Owners were told a time.",
    find: ({ state, startsAt, endsAt }, { lateBefore }) => [
      ...when(state === "planned" && startsAt < lateBefore, "it has not begun"),
      ...when(state !== "ended" && endsAt !== null && endsAt < lateBefore, "it is not over"),
    ],
  },
  {
    name: "ended-work-leaves-nothing",
    says: "Work that has ended has no events to come, and nothing waits for its host any more.",
    why: "An instance would stay stopped for a host that was given back long ago.",
    grace: {
      lasts: seconds(75),
      because:
        "What was ended to be rebooted with its host is bound to it for another minute, so that it can return there.",
    },
    find: ({ state, events, stranded }) =>
      state !== "ended"
        ? []
        : [
            ...when(events > 0, `${events} events of it are still active`),
            ...when(stranded.length > 0, `${stranded.join(", ")} wait for it`),
          ],
  },
];
