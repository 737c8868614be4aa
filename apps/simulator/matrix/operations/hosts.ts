/** What becomes of hosts: they fall silent, are worked on, come and go. */
import { sleepFor, worldMoment } from "../../time.ts";
import { at, homeOf, idOf, make, type Operation, type Stage } from "../operation.ts";

const hour = 3_600_000;
const home = async (stage: Stage) => `/v1/hosts/${(await homeOf(stage)).name}`;
const siteOf = async (stage: Stage) => {
  const station = await homeOf(stage);
  const site = stage.world.sites.find((each) => each.station === station);
  if (!site) throw new Error(`no site has ${station.name}`);
  return site;
};
const isUp = (stage: Stage) =>
  stage.until("it runs elsewhere", async () => {
    const rows = await stage.world.sql.query("select from instance where state <> 'running'");
    return rows.length === 0;
  });
const work = { noticeSeconds: 1, reason: "a disk" };
const worked = async (stage: Stage) => {
  await make(stage);
  await stage.must("PUT", `${await home(stage)}/maintenance`, work);
  await stage.until("it is in maintenance", async () => {
    const rows = await stage.world.sql.query(
      "select from maintenance where state = 'in-maintenance'",
    );
    return rows.length > 0;
  });
  await stage.rest();
};

export const hostOperations: readonly Operation[] = [
  {
    name: "host-loses-power",
    prepare: (stage) => make(stage),
    async act(stage) {
      const { station, cable } = await siteOf(stage);
      await station.off();
      cable.drop();
      await sleepFor(8_000);
      await isUp(stage);
      await station.on();
    },
  },
  {
    name: "host-cut-off",
    prepare: (stage) => make(stage),
    async act(stage) {
      const { cable } = await siteOf(stage);
      cable.cut("up", "down");
      await sleepFor(8_000);
      await isUp(stage);
      cable.mend();
    },
  },
  {
    name: "host-reboots",
    prepare: (stage) => make(stage),
    act: async (stage) => (await homeOf(stage)).reboot(),
  },
  {
    name: "host-attest",
    async prepare(stage) {
      await make(stage);
      for (const { station } of stage.world.sites)
        await stage.must("DELETE", `/v1/hosts/${station.name}/bmc`);
    },
    async act(stage) {
      const { station, cable } = await siteOf(stage);
      await station.off();
      cable.drop();
      await stage.until("it is silent", async () => {
        const rows = await stage.world.sql.query("select from host where state = 'suspect'");
        return rows.length > 0;
      });
      await stage.ask("POST", `/v1/hosts/${station.name}/attest`, {
        ...{ name: station.name, reason: "it is unplugged" },
      });
      await isUp(stage);
      await station.on();
    },
  },
  {
    name: "brake-release",
    act: ({ ask }) => ask("POST", "/v1/fencing/release", { domain: "zone default" }),
  },
  {
    name: "host-change",
    act: ({ ask }) =>
      ask("PATCH", "/v1/hosts/host-1", { mode: "draining", tags: ["ssd"], concerns: ["old"] }),
  },
  {
    name: "host-join",
    async act({ ask, world, user }) {
      const { body } = await ask("POST", "/v1/join-tokens", { hostName: "host-9" });
      const { token } = body as { token: string };
      await user.visit(
        "join",
        () =>
          world.managers[0]?.visit((core) => core.enrolment.join(token, "host-9", "simulated")) ??
          Promise.reject(new Error("there is no manager")),
      );
    },
    also: [
      {
        // Nobody has heard of the first one, and it is good for an hour.
        is: "asked again, and given a second token",
        when: (more, less, isKept) =>
          isKept && more.join() === "join token unused" && less.length === 0,
      },
    ],
  },
  {
    name: "host-leave",
    act: ({ ask }) => ask("POST", "/v1/hosts/host-3/revoke", {}),
  },
  {
    name: "bmc-set",
    prepare: ({ must }) => must("DELETE", "/v1/hosts/host-1/bmc"),
    act: ({ ask }) =>
      ask("PUT", "/v1/hosts/host-1/bmc", {
        ...{ url: "https://bmc/redfish/v1/Systems/host-1", user: "holdfast", password: "secret" },
      }),
  },
  { name: "bmc-remove", act: ({ ask }) => ask("DELETE", "/v1/hosts/host-1/bmc") },
  {
    name: "maintenance-enter",
    prepare: (stage) => make(stage),
    act: async (stage) => {
      await stage.ask("PUT", `${await home(stage)}/maintenance`, work);
      await stage.until("it is in maintenance", async () => {
        const rows = await stage.world.sql.query(
          "select from maintenance where state = 'in-maintenance'",
        );
        return rows.length > 0;
      });
    },
  },
  {
    name: "maintenance-leave",
    prepare: worked,
    async act(stage) {
      const [row] = await stage.world.sql.query<{ name: string }>(
        "select h.name from maintenance m join host h on h.id = m.host_id",
      );
      await stage.ask("DELETE", `/v1/hosts/${row?.name}/maintenance`);
    },
  },
  {
    name: "event-schedule",
    prepare: (stage) => make(stage),
    act: ({ ask }) => ask("POST", "/v1/events", planned(2 * hour)),
  },
  {
    name: "event-happens",
    prepare: (stage) => make(stage),
    async act(stage) {
      await stage.ask("POST", "/v1/events", planned(1_000));
      await stage.until("it has happened", async () => {
        const rows = await stage.world.sql.query(
          "select from scheduled_event where state = 'active'",
        );
        return rows.length === 0;
      });
    },
  },
  {
    name: "event-move",
    prepare: scheduled,
    act: async ({ ask, world }) =>
      ask("PATCH", `${at}/events/${await idOf(world, "scheduled_event")}`, {
        notBefore: Math.ceil(worldMoment()) + 3 * hour,
      }),
  },
  {
    name: "event-cancel",
    prepare: scheduled,
    act: async ({ ask, world }) =>
      ask("DELETE", `/v1/events/${await idOf(world, "scheduled_event")}`),
  },
  {
    name: "maintenance-policy",
    prepare: (stage) => make(stage),
    act: ({ ask }) => ask("PUT", `${at}/instances/web/maintenance-policy`, { policy: "stop" }),
  },
  { name: "window-create", act: ({ ask }) => ask("POST", `${at}/event-windows`, nights) },
  {
    name: "window-delete",
    prepare: ({ must }) => must("POST", `${at}/event-windows`, nights),
    act: ({ ask }) => ask("DELETE", `${at}/event-windows/nights`),
  },
];

const nights = {
  name: "nights",
  ranges: [{ startDay: "sunday", startHour: 1, endDay: "sunday", endHour: 5 }],
};

function planned(wait: number) {
  return {
    ...{ project: "default", instance: "web", code: "instance-reboot" },
    ...{
      notBefore: Math.ceil(worldMoment() + wait),
      deadline: Math.ceil(worldMoment() + wait + 24 * hour),
    },
  };
}

async function scheduled(stage: Stage): Promise<void> {
  await make(stage);
  await stage.must("POST", "/v1/events", planned(2 * hour));
}
