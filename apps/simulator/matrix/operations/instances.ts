/** What users do with instances, and what befalls their guests. */
import { befall } from "@holdfast/drivers/hypervisor/simulated";
import { wallClock } from "../../clock.ts";
import { at, homeOf, idOf, make, type Operation, type Stage } from "../operation.ts";

const order =
  (verb: string, body: unknown = {}) =>
  ({ ask }: Stage) =>
    ask("POST", `${at}/instances/web/${verb}`, body);

const after =
  (...verbs: readonly string[]) =>
  async (stage: Stage) => {
    await make(stage);
    for (const verb of verbs) {
      await order(verb)(stage);
      await stage.rest();
    }
  };

export const instanceOperations: readonly Operation[] = [
  { name: "deploy", act: ({ ask }) => ask("POST", `${at}/instances`, { name: "web" }) },
  {
    name: "deploy-three",
    act: ({ ask }) => ask("POST", `${at}/instances`, { name: "web", count: 3 }),
  },
  {
    name: "deploy-with-disks",
    act: ({ ask }) =>
      ask("POST", `${at}/instances`, {
        ...{ name: "web", pool: "local", ephemeralGiB: 1 },
        volumes: [{ sizeGiB: 1 }],
      }),
  },
  {
    name: "deploy-in-a-network",
    async prepare({ must }) {
      await must("POST", `${at}/networks`, { name: "inner" });
      await must("POST", `${at}/security-groups`, { name: "doors" });
    },
    act: ({ ask }) =>
      ask("POST", `${at}/instances`, { name: "web", networks: ["inner"], groups: ["doors"] }),
  },
  { name: "start", prepare: after("stop"), act: order("start") },
  { name: "stop", prepare: (stage) => make(stage), act: order("stop") },
  { name: "stop-by-force", prepare: (stage) => make(stage), act: order("stop", { force: true }) },
  { name: "reboot", prepare: (stage) => make(stage), act: order("reboot") },
  {
    name: "reboot-by-force",
    prepare: (stage) => make(stage),
    act: order("reboot", { force: true }),
  },
  { name: "relaunch", prepare: (stage) => make(stage), act: order("relaunch") },
  { name: "destroy", prepare: (stage) => make(stage), act: order("destroy") },
  { name: "recover", prepare: after("destroy"), act: order("recover") },
  { name: "expunge", prepare: after("destroy"), act: order("expunge") },
  {
    name: "expunge-with-disks",
    async prepare(stage) {
      const more = { pool: "local", ephemeralGiB: 1, volumes: [{ sizeGiB: 1 }] };
      await make(stage, "web", more);
      await order("destroy")(stage);
      await stage.rest();
    },
    act: order("expunge"),
  },
  {
    name: "cancel",
    prepare: after("stop"),
    async act({ ask }) {
      const { body } = await ask("POST", `${at}/instances/web/start`, {});
      const { job } = body as { job: string }; // As for every order.
      await ask("POST", `${at}/jobs/${job}/cancel`, {});
    },
    also: [
      {
        is: "too late to cancel, and said so",
        when: (more) => more.includes("instance web is running, wanted running"),
      },
      {
        is: "cancelled in time",
        when: (more) => more.includes("instance web is stopped, wanted stopped"),
      },
    ],
  },
  {
    name: "protect",
    prepare: (stage) => make(stage),
    act: ({ ask }) => ask("PUT", `${at}/instances/web/protection`, { isProtected: true }),
  },
  {
    name: "change-type",
    async prepare(stage) {
      await make(stage);
      await stage.must("POST", `${at}/instances/web/stop`, { force: true });
      await stage.rest();
    },
    act: ({ ask }) => ask("PUT", `${at}/instances/web/type`, { type: "small" }),
  },
  {
    name: "change-metadata",
    prepare: (stage) => make(stage),
    act: ({ ask }) => ask("PUT", `${at}/instances/web/metadata`, { metadataTokens: "required" }),
  },
  {
    name: "change-recovery",
    prepare: (stage) => make(stage),
    act: ({ ask }) => ask("PATCH", `${at}/instances/web/recovery`, { recovery: "none" }),
  },
  {
    name: "migrate",
    prepare: (stage) => make(stage),
    act: order("migrate"),
  },
  {
    name: "migrate-with-storage",
    prepare: (stage) => make(stage, "web", { pool: "local" }),
    act: order("migrate"),
  },
  {
    name: "migrate-aborted",
    prepare: (stage) => make(stage, "web", { type: "large" }),
    async act({ ask, until, world }) {
      await ask("POST", `${at}/instances/web/migrate`, { bandwidthMbps: 1 });
      await until("it is on its way, or has been", async () => {
        const rows = await world.sql.query("select from migration where state <> 'preparing'");
        return rows.length > 0;
      });
      await ask("POST", `${at}/migrations/${await idOf(world, "migration")}/abort`, {});
    },
  },
  {
    name: "guest-dies",
    prepare: (stage) => make(stage),
    async act(stage) {
      const station = await homeOf(stage);
      const [machine] = station.running();
      if (machine) befall(station.world, machine.spec, wallClock, "killed");
    },
  },
];
