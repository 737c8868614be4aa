/**
 * What always holds of an instance: of its row, its processes, its moves and its journal.
 *
 * Most of these are the platform's promise that nothing runs twice, from different sides. Where an obvious
 * form of a rule does not hold here, the rule says which does, and why.
 */

import { askedFor } from "@holdfast/cloud/deaths";
import { homed, transitional } from "@holdfast/cloud/instances";
import { seconds } from "@holdfast/kernel/time";
import { type Fault, foldJournal } from "./fold.ts";
import type { InstanceSight, Moment, MoveSight, Rule } from "./model.ts";

const open: ReadonlySet<string> = new Set(["preparing", "copying"]);
const atHome: ReadonlySet<string> = homed;
const onItsWay: ReadonlySet<string> = transitional;
const asked: ReadonlySet<string> = askedFor;
const ending: ReadonlySet<string> = new Set(["destroyed", "expunged"]);

const openMove = ({ moves }: InstanceSight): MoveSight | undefined =>
  moves.find(({ state }) => open.has(state));

const faults = (sight: InstanceSight, about: Fault["about"]) =>
  foldJournal(sight.journal).faults.flatMap((one) => (one.about === about ? one.says : []));

const when = (isWrong: boolean, says: string) => (isWrong ? [says] : []);

/** The operation that is under way in each state that is not one to stay in. */
const opOf: Readonly<Record<string, string>> = {
  provisioning: "provision",
  starting: "start",
  stopping: "stop",
  migrating: "migrate",
  lost: "locate",
  expunging: "expunge",
};

export const instanceRules: readonly Rule<InstanceSight>[] = [
  {
    name: "one-writer",
    says: "Of all processes that an instance ever had, only the one at home and the one that it moves to may be running.",
    why: "Two that write to one disk destroy it.",
    // While it moves there are two, and only one of them writes. The one that was moved away from stands still for
    // good before the other runs, and is allowed for until its host has said that it is gone: what a host does not
    // have any more is not reported, so `done` is as good as its exit.
    find: ({ incarnations, generation, home, moves }) =>
      incarnations.flatMap((one) => {
        const isHome = home !== null && one.generation === generation;
        const isMoved = moves.some(
          ({ state, fromGeneration, toGeneration }) =>
            (open.has(state) && toGeneration === one.generation) ||
            ((state === "switched" || state === "done") && fromGeneration === one.generation),
        );
        const isOver = one.phase === "exited" || one.provenAt !== null;
        return when(
          !isHome && !isMoved && !isOver,
          `generation ${one.generation} may be running on host ${one.host}: nothing proves its end`,
        );
      }),
  },
  {
    name: "home-where-its-process-is",
    says: "It has a home exactly while a host may be running it, and that is where its present generation was launched.",
    why: "A host would run what nobody counts, or be asked for what it does not have.",
    find: ({ state, home, generation, incarnations }) => {
      const one = incarnations.find((each) => each.generation === generation);
      return [
        ...when(atHome.has(state) !== (home !== null), `it is ${state} and its home is ${home}`),
        ...when(
          home !== null && one?.host !== home,
          `its home is ${home} and generation ${generation} is on ${one?.host ?? "no host"}`,
        ),
      ];
    },
  },
  {
    name: "home-ends-with-proof",
    says: "It leaves its home only with an event that proves that its process has ended.",
    why: "It would be started a second time while the first still runs.",
    find: (sight) => faults(sight, "home"),
  },
  {
    name: "proof-before-start",
    says: "A generation is started only once the end of the one before is proven, and bears a higher number.",
    why: "It would run twice, and stale orders could not be told from new ones.",
    find: (sight) => faults(sight, "start"),
  },
  {
    name: "fenced-with-certificate",
    says: "What was given up because its host was proven dead has the certificate of that, of the very epoch that it ran under.",
    why: "Nobody could show afterwards why it was safe to start it elsewhere; perhaps it was not.",
    find: ({ journal, incarnations }) =>
      journal
        .filter(({ event, from }) => from && fenceEvents.has(event))
        .flatMap(({ event, generation }) => {
          const one = incarnations.find((each) => each.generation === generation);
          return when(
            one?.provenAt == null,
            `${event} of generation ${generation}, and there is no certificate for its host in epoch ${one?.epoch}`,
          );
        }),
  },
  {
    name: "generations-in-order",
    says: "Generations are given out one by one, each with a row of its own, and the one at home is one of them.",
    why: "A number that is given twice makes two processes look like one.",
    find: ({ generation, lastGeneration, incarnations }) => {
      const numbers = incarnations.map((one) => one.generation).sort((a, b) => a - b);
      const isWhole =
        numbers.length === lastGeneration && numbers.every((number, at) => number === at + 1);
      return [
        ...when(generation > lastGeneration, `it is generation ${generation} of ${lastGeneration}`),
        ...when(!isWhole, `of ${lastGeneration} generations it has rows of ${numbers.join(", ")}`),
      ];
    },
  },
  {
    name: "operation-while-on-its-way",
    says: "It has an operation with a deadline exactly while it is on its way; one that runs, while it is reset.",
    why: "Without one it stays there for ever; with another, the wrong thing is tried.",
    find: ({ state, op }) => [
      ...when(
        onItsWay.has(state) && op?.kind !== opOf[state],
        `it is ${state} with the operation ${op?.kind ?? "none"}`,
      ),
      ...when(op !== null && op.deadline === null, `its operation has no deadline`),
      ...when(
        !onItsWay.has(state) && op !== null && !(state === "running" && op.kind === "reboot"),
        `it is ${state} with the operation ${op?.kind}`,
      ),
    ],
  },
  {
    name: "looked-at-again",
    says: "Whatever waits for a moment has that moment written down.",
    why: "Nobody would ever come back to it.",
    find: ({ state, desired, op, lookAt, errand, destroyedAt }) => {
      const waits =
        op !== null ||
        (state === "stopped" && desired === "running" && errand !== "pause") ||
        (state === "destroyed" && destroyedAt !== null);
      return [
        ...when(
          waits && lookAt === null,
          `it is ${state}, should be ${desired}, and is never looked at again`,
        ),
        ...when(
          op?.deadline != null && lookAt !== null && lookAt > op.deadline + putOff,
          "it is looked at again only after its deadline",
        ),
      ];
    },
  },
  {
    name: "found-when-due",
    says: "Whatever is looked at at a moment is found then.",
    why: "Those that are due are looked for in another table: who is missing there is passed over, and nobody is late.",
    find: ({ lookAt, dueAt }) =>
      when(
        lookAt !== null && (dueAt === null || dueAt > lookAt),
        `it is to be looked at, and found ${dueAt === null ? "never" : "only later"}`,
      ),
  },
  {
    name: "nothing-overdue",
    says: "What is due is acted upon.",
    why: "It is stuck: a person waits for something that nobody does.",
    // A deadline passes at one moment, and whoever acts on it comes at the next: what is late is decided by how
    // long somebody could have come.
    find: ({ id, state, op, lookAt }, { lateBefore, now, passedOver }: Moment) => {
      // Behind others that have been due for longer.
      if (passedOver && lookAt !== null && lookAt <= now && !passedOver.has(id)) return [];
      return [
        ...when(
          lookAt !== null && lookAt < lateBefore,
          `it is ${state} and should have been looked at ${Math.round((now - (lookAt ?? now)) / 1_000)} s ago`,
        ),
        ...when(
          op?.deadline != null && op.deadline < lateBefore,
          `the deadline of its ${op?.kind} passed ${Math.round((now - (op?.deadline ?? now)) / 1_000)} s ago`,
        ),
      ];
    },
  },
  {
    name: "wishes-are-followed",
    says: "Where a wish can be acted upon without asking a host, it has been.",
    why: "Somebody's command would have been forgotten.",
    find: ({ state, desired }) => {
      const isLeft =
        desired !== "running"
          ? (movable.has(state) && desired === "stopped") ||
            (endable.has(state) && ending.has(desired)) ||
            (state === "destroyed" && !ending.has(desired))
          : state === "destroyed";
      return when(isLeft, `it is ${state} and should be ${desired}`);
    },
  },
  {
    name: "homes-follow-hosts",
    says: "Whoever is at home on a host that is silent is lost; whoever is lost is not where a host is heard or proven dead.",
    why: "It would be taken for running where nobody knows, or wait for a proof that is there.",
    grace: {
      lasts: seconds(15),
      because:
        "What happens to a host has its guests looked at with the same commit, and that look comes a moment later.",
    },
    // While it moves it may be lost because of the other host.
    find: ({ state, home, homeState, generation, incarnations, moves }) => {
      if (home !== null && homeState === null) return ["its home is nowhere"];
      if (!atHome.has(state) || moves.some((one) => open.has(one.state))) return [];
      const isProven = incarnations.some(
        (one) => one.generation === generation && one.provenAt !== null,
      );
      return [
        ...when(
          state !== "lost" && homeState !== "up",
          `it is ${state}, and its host is ${homeState}`,
        ),
        ...when(state === "lost" && homeState === "up", "it is lost, and its host is heard"),
        ...when(state === "lost" && isProven, "it is lost, and its end is proven"),
      ];
    },
  },
  {
    name: "detached-disks-go",
    says: "A disk that is to be let go of is let go of by an instance that runs nowhere.",
    why: "Its owner could neither use nor delete it.",
    grace: {
      lasts: seconds(15),
      because: "The round over volumes lets go of it, a second later.",
    },
    find: ({ home, leaving }) =>
      when(
        home === null && leaving > 0,
        `${leaving} disks are to be let go of, and it runs nowhere`,
      ),
  },
  {
    name: "journal-adds-up",
    says: "Its row is what its journal adds up to.",
    why: "Timeline, audit and postmortem would tell another story than what is.",
    find: ({ state, desired, generation, journal }) => {
      const sum = foldJournal(journal);
      const [is, was] = [
        `${state}, wanted ${desired}, in generation ${generation}`,
        `${sum.state}, wanted ${sum.desired}, in generation ${sum.generation}`,
      ];
      return [
        ...when(journal.length === 0, "it has no journal"),
        ...when(is !== was, `it is ${is}; its journal says ${was}`),
      ];
    },
  },
  {
    name: "journal-has-no-gap",
    says: "Every row of its journal begins where the one before ended, and leads where the life cycle does.",
    why: "Something happened that nobody wrote down.",
    find: (sight) => faults(sight, "chain"),
  },
  {
    name: "endings-have-causes",
    says: "Whatever brought it to stopped, failed or lost says why.",
    why: "Nobody could ever tell its owner what happened.",
    find: (sight) => faults(sight, "cause"),
  },
  {
    name: "deaths-are-certified",
    says: "Every end that nobody asked for has a death certificate.",
    why: "`why` would have no answer.",
    find: ({ journal, incarnations }) =>
      journal
        .filter(
          ({ event, from, cause }) => from && deathEvents.has(event) && !asked.has(cause ?? ""),
        )
        .flatMap(({ event, cause, generation }) =>
          when(
            !incarnations.some((one) => one.generation === generation && one.hasDeath),
            `${event} of generation ${generation} (${cause ?? "no cause"}) has no certificate`,
          ),
        ),
  },
  {
    name: "destroyed-unless-recovered",
    says: "That it should be destroyed is taken back only by recover.",
    why: "What somebody threw away would be back without their word, and cost them.",
    find: (sight) => faults(sight, "wish"),
  },
  {
    name: "job-is-open",
    says: "The job that it carries is open, and about it.",
    why: "Whoever waits for that job would be told nothing, or the wrong thing.",
    find: ({ job }) => [
      ...when(
        job !== null && job.state !== "running",
        `its job ${job?.id} is ${job?.state ?? "not there"}`,
      ),
      ...when(job !== null && !job.isTarget, `its job ${job?.id} is about others`),
    ],
  },
  {
    name: "jobs-get-somewhere",
    says: "Whoever carries a job has something next that brings it nearer to its end.",
    why: "It would be carried for ever, and somebody waits for it.",
    find: ({ job, state, op, lookAt }) =>
      when(
        job !== null && op === null && (lookAt === null || state === "destroyed"),
        `it carries the job ${job?.id}, is ${state}, and nothing is next`,
      ),
  },
  {
    name: "gone-holds-nothing",
    says: "One that is expunged holds no address, no disk, no job and no bytes.",
    why: "Things leak that nobody can give back any more.",
    find: ({ state, nics, disks, job, volume }) =>
      state !== "expunged"
        ? []
        : [
            ...when(nics.length > 0, `it has ${nics.length} connections`),
            ...when(disks.length > 0, `it has ${disks.length} disks`),
            ...when(job !== null, `it carries the job ${job?.id}`),
            ...when(volume.state !== "expunged", `its volume is ${volume.state}`),
          ],
  },
  {
    name: "there-keeps-everything",
    says: "One that is not expunged has all connections that it was born with, and its volume.",
    why: "Its address may be somebody else's by now, or its data is gone.",
    find: ({ state, nics, volume, disks }) =>
      state === "expunged"
        ? []
        : [
            ...when(
              nics.some((slot, at) => slot !== at),
              `of its connections there are only ${nics.join(", ")}`,
            ),
            ...when(
              state !== "expunging" &&
                (volume.state === "expunging" || volume.state === "expunged"),
              `it is ${state} and its volume is ${volume.state}`,
            ),
            ...when(
              disks.some((one) => one === "expunging" || one === "expunged"),
              "a disk of it is being deleted",
            ),
          ],
  },
  {
    name: "runs-where-its-volume-is",
    says: "While it has a home its volume has a place, and one on a host's own disks is on the host of its home.",
    why: "It would run on an empty disk, or on an old copy.",
    find: ({ state, home, volume }) =>
      home === null || state === "expunging"
        ? []
        : [
            ...when(volume.host === null, "it is at home, and its volume is nowhere"),
            ...when(
              volume.pool === "local" && volume.host !== null && volume.host !== home,
              `it is at home on ${home}, and its volume is on ${volume.host}`,
            ),
          ],
  },
  {
    name: "moves-fit",
    says: "A move is open exactly while its instance is migrating, or stops or is lost on the way, and it begins at home.",
    why: "Room and a process on the destination would be forgotten, or a guest taken for moved that is not.",
    find: (sight) => {
      const move = openMove(sight);
      const { state, home, generation, lastGeneration, moves } = sight;
      return [
        ...when(state === "migrating" && !move, "it is migrating, and no move is open"),
        ...when(moves.filter((one) => open.has(one.state)).length > 1, "two moves are open"),
        ...(move
          ? [
              ...when(!mayMove.has(state), `it is ${state}, and a move is ${move.state}`),
              ...when(
                move.from !== home || move.fromGeneration !== generation,
                `the move that is open began on ${move.from} in generation ${move.fromGeneration}`,
              ),
              ...when(move.to === move.from, "it moves to where it is"),
            ]
          : []),
        ...moves.flatMap((one) => [
          ...when(
            one.toGeneration <= one.fromGeneration || one.toGeneration > lastGeneration,
            `a move goes from generation ${one.fromGeneration} to ${one.toGeneration} of ${lastGeneration}`,
          ),
          ...when(
            open.has(one.state) !== (one.endedAt === null),
            `a move is ${one.state} and its end is ${one.endedAt}`,
          ),
        ]),
      ];
    },
  },
];

const fenceEvents: ReadonlySet<string> = new Set(["fenceProven", "operatorAttested"]);
const deathEvents: ReadonlySet<string> = new Set([
  "exitObserved",
  "exitObservedForDestroy",
  "fenceProven",
  "operatorAttested",
  "startFailed",
  "neverLaunched",
]);
const movable: ReadonlySet<string> = new Set(["starting", "running", "migrating"]);
const endable: ReadonlySet<string> = new Set([...movable, "provisioning", "stopped", "failed"]);
const mayMove: ReadonlySet<string> = new Set(["migrating", "stopping", "lost"]);
/** What could not be carried out is left alone for half a minute, whatever its deadline; and clocks differ by moments. */
const putOff = seconds(32);
