/**
 * Everything that can be asked of a manager: the routes of all capabilities, each with what it needs of the parts of a
 * manager. Things may be named by EC2's ids in all of them.
 */
import {
  type Access,
  accessRoutes,
  type Seal,
  signInRoutes,
  signOnRoutes,
} from "@holdfast/cloud/access/edge";
import { auditRoutes } from "@holdfast/cloud/audit/edge";
import { availabilityRoutes } from "@holdfast/cloud/availability/edge";
import { checkRoutes } from "@holdfast/cloud/checks/edge";
import { deathRoutes } from "@holdfast/cloud/deaths/edge";
import { takingEc2Ids } from "@holdfast/cloud/ec2/edge";
import { eventRoutes } from "@holdfast/cloud/events/edge";
import { hostRoutes } from "@holdfast/cloud/hosts/edge";
import { imageRoutes } from "@holdfast/cloud/images/edge";
import { cancelRoutes, instanceRoutes, migrationRoutes } from "@holdfast/cloud/instances/edge";
import { invariantRoutes } from "@holdfast/cloud/invariants/edge";
import { keyRoutes } from "@holdfast/cloud/keys/edge";
import { networkRoutes } from "@holdfast/cloud/networks/edge";
import { placementRoutes } from "@holdfast/cloud/placement/edge";
import { quotaRoutes } from "@holdfast/cloud/quotas/edge";
import { settingRoutes } from "@holdfast/cloud/settings/edge";
import { tagRoutes } from "@holdfast/cloud/tags/edge";
import { typeRoutes } from "@holdfast/cloud/types/edge";
import {
  encryptsAll,
  insertKeys,
  type VolumeKeys,
  volumeRoutes,
} from "@holdfast/cloud/volumes/edge";
import type { HostId, MintId } from "@holdfast/kernel/ids";
import type { Handler } from "@holdfast/kernel/route";
import type { Clock, Ticks } from "@holdfast/kernel/time";
import type { Database } from "@holdfast/store/database";

type Of<Routes extends (deps: never) => object> = Parameters<Routes>[0];

/** The parts of a manager that routes ask, and whom they tell of what they have changed. */
export interface Parts {
  readonly database: Database;
  readonly clock: Clock;
  readonly ticks: Ticks;
  readonly mintId: MintId;
  readonly mintSecret: () => string;
  readonly mintName: Of<typeof instanceRoutes>["mintName"];
  readonly self: string;
  readonly settings: Of<typeof settingRoutes>["settings"];
  readonly gate: Access;
  readonly seal: Seal;
  readonly keys: VolumeKeys;
  readonly worker: Of<typeof instanceRoutes>["worker"];
  readonly hosts: Of<typeof instanceRoutes>["hosts"];
  readonly progress: Of<typeof cancelRoutes>["progress"];
  readonly blobs: Of<typeof imageRoutes>["blobs"];
  readonly placer: Of<typeof availabilityRoutes>["placer"] & Parameters<typeof placementRoutes>[1];
  readonly sites: Pick<Of<typeof eventRoutes>, "placer" | "movers">;
  readonly notary: Of<typeof availabilityRoutes>["notary"];
  readonly fencingRules: Of<typeof availabilityRoutes>["rules"];
  readonly power: Of<typeof availabilityRoutes>["power"];
  readonly checkLimits: Of<typeof checkRoutes>["limits"];
  readonly troubles: Of<typeof checkRoutes>["sources"];
  readonly hub: Of<typeof hostRoutes>["hub"];
  readonly guards: Of<typeof hostRoutes>["guards"];
  readonly enrolment: Of<typeof hostRoutes>["enrolment"];
  readonly agentAddress: string;
  /** Those of the stream, which is somebody's to close. */
  readonly journal: object;
  readonly onImport: () => void;
  readonly onWarmth: () => void;
  readonly onNetworks: () => void;
  readonly onFenced: Of<typeof availabilityRoutes>["onFenced"];
  readonly onVolumes: Of<typeof volumeRoutes>["onChanged"];
  readonly onPlans: (hosts: readonly HostId[]) => void;
  readonly onError: (error: unknown) => void;
}

export function handlersOf(parts: Parts): readonly Handler[] {
  const { database, clock, ticks, mintId, mintSecret, self, gate, seal, worker, placer } = parts;
  const settings = parts.settings.current;
  const onWishes = (hosts: readonly HostId[]) => parts.onVolumes([], hosts);
  return [
    instanceRoutes({
      ...{ ...parts, settings },
      onWishes(hosts) {
        onWishes(hosts);
        parts.onNetworks(); // How far answers about metadata reach is in the picture of these.
      },
    }),
    migrationRoutes({ database, worker, clock, mintId }),
    cancelRoutes({ database, worker, clock, ticks, mintId, progress: parts.progress }),
    imageRoutes({
      ...parts,
      async newKey(sql, now) {
        const key = parts.keys.make();
        await insertKeys(sql, [key], now);
        return key.id;
      },
      encryptsAll,
    }),
    deathRoutes(database),
    invariantRoutes(database),
    checkRoutes({ ...parts, limits: parts.checkLimits, sources: parts.troubles }),
    placementRoutes(database, placer),
    availabilityRoutes({ ...parts, rules: parts.fencingRules }),
    networkRoutes({ ...parts, settings, onChanged: parts.onNetworks }),
    volumeRoutes({ ...parts, settings, onChanged: parts.onVolumes }),
    typeRoutes({ database, self, onChanged: onWishes }),
    eventRoutes({ ...parts, ...parts.sites, settings, onChanged: parts.onPlans }),
    keyRoutes({ database, clock, mintId }),
    settingRoutes(parts),
    parts.journal,
    auditRoutes(database),
    quotaRoutes({ database, access: gate, clock }),
    tagRoutes({ database, clock }),
    signInRoutes({
      ...{ database, sessions: gate.sessions, clock, mintSecret, onError: parts.onError },
      tries: () => settings()["access.sign_ins"],
    }),
    signOnRoutes({ database, access: gate, clock, seal }),
    accessRoutes({ database, access: gate, clock, seal, mintId, mintSecret }),
    hostRoutes({ ...parts, onChanged: (hosts) => placer.distrust(hosts) }),
  ]
    .flatMap((routes) => Object.values(routes) as Handler[]) // Each has its own types; serving needs none.
    .map(takingEc2Ids(database));
}
