/**
 * Where a station of the scenarios stands: on a cable to the managers that can be cut, its guard behind a real
 * socket, its pool a real directory.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { dialler } from "@holdfast/cloud/agent/edge";
import { guardClient } from "../../../apps/agent/guard-client.ts";
import { managerDoor } from "../../../apps/guard/renew.ts";
import { openSocket } from "../../../apps/guard/socket.ts";
import { newStation, type Station, type StationOptions } from "../../../apps/simulator/station.ts";
import type { Cable } from "./cable.ts";
import type { Pool } from "./pool.ts";

export interface Sited extends Station {
  readonly cable: Cable;
}

type Site = Omit<StationOptions, "mount" | "dial" | "askManager" | "guardDoor" | "pool"> & {
  readonly cable: Cable;
  readonly pool: Pool;
};

const answerTime = 1_500;

export async function siteStation({ cable, ...site }: Site): Promise<Sited> {
  const directory = await mkdtemp(join(tmpdir(), "hf-host-"));
  const path = join(directory, "guard.sock");
  const station = await newStation({
    ...site,
    mount: site.pool.mount(),
    dial: (joined) => cable.dial(dialler(site.managers, joined)),
    askManager: (address, renewal, joined) =>
      cable.ask(answerTime, () => managerDoor(async () => joined)(address, renewal)),
    guardDoor: {
      connect: () => guardClient(path, () => performance.now()),
      open: (agents) => openSocket(path, agents),
      close: () => rm(directory, { recursive: true, force: true }),
    },
  });
  return Object.assign(station, { cable });
}
