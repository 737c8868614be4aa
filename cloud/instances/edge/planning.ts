/**
 * What a request for instances comes to: one birth for each, or the reason why there cannot be any.
 *
 * Nothing is reserved or written here. Whatever is looked up may have changed when the births are carried
 * out; what must not be wrong then is asked again by the database itself.
 */

import { findImage } from "@holdfast/cloud/images/edge";
import { countRunningJobs, type NewJob } from "@holdfast/cloud/jobs/edge";
import { findKeys } from "@holdfast/cloud/keys/edge";
import { findConnections } from "@holdfast/cloud/networks/edge";
import type { Settings } from "@holdfast/cloud/settings";
import { type RequiredTag, tagsRefused } from "@holdfast/cloud/tags";
import { readRequiredTags } from "@holdfast/cloud/tags/edge";
import type { TypeView } from "@holdfast/cloud/types";
import { findType } from "@holdfast/cloud/types/edge";
import { encryptsAll, mustEncrypt, planDisks, type VolumeKeys } from "@holdfast/cloud/volumes/edge";
import type { InstanceId, MintId, ProjectId } from "@holdfast/kernel/ids";
import { type Problem, problem } from "@holdfast/kernel/problem";
import type { Database } from "@holdfast/store/database";
import { shared } from "@holdfast/store/reads";
import type * as api from "../api.ts";
import { type Birth, birthOf } from "./births.ts";
import { inBreaths } from "./breath.ts";
import { checkPool, findDependencies } from "./recovery.ts";

export interface PlanDeps {
  readonly database: Database;
  readonly settings: () => Settings;
  readonly mintId: MintId;
  /** A pronounceable name that nobody has chosen. */
  readonly mintName: () => string;
  readonly keys: VolumeKeys;
}

/** Makes the plan of one request; `jobFor` makes the job that all of its instances share. */
export type Plan = (
  project: ProjectId,
  body: api.RunRequest,
  requestId: string,
  jobFor: (ids: readonly InstanceId[]) => NewJob,
) => Promise<readonly Birth[]>;

export function planning({
  database,
  settings,
  mintId,
  mintName,
  keys: volumeKeys,
}: PlanDeps): Plan {
  const { typeOf, imageOf, runningJobs, connectionsOf, requiredTags, encrypts } =
    sharedReads(database);
  return plan;

  async function plan(
    project: ProjectId,
    body: api.RunRequest,
    requestId: string,
    jobFor: (ids: readonly InstanceId[]) => NewJob,
  ): Promise<readonly Birth[]> {
    const limits = settings();
    const most = limits["manager.instances_per_request"];
    if (body.count > most) throw tooMany(body.count, most);
    const tags = body.tags ?? {};
    const [type, image, { networks, groups }, encryptsEverything] = await Promise.all([
      typeOf(body.type),
      imageOf(`${project} ${body.image}`),
      connectionsOf(JSON.stringify([project, body.networks ?? null, body.groups])),
      encrypts(project),
      runningJobs(project).then((count) => checkJobs(count, limits["manager.concurrent_jobs"])),
      requiredTags(project).then((required) => checkTags(required, tags)),
    ]);
    const { manifest } = image;
    if (manifest && type.memoryMiB < manifest.smallestMemoryMiB)
      throw memoryTooSmall(type.memoryMiB, image.name, manifest.smallestMemoryMiB);
    const volumeBytes = volumeSize(
      body,
      type.diskGiB,
      image.name,
      manifest?.disk.virtualBytes ?? 0,
    );
    const pool = body.pool ?? limits["volumes.default_pool"];
    if (pool !== "local") await checkPool(database, pool);
    const dependsOn = await findDependencies(database, project, body.dependsOn);
    const keys = await findKeys(database, project, body.keys);
    const { maintenancePolicy } = body;
    const ids = Array.from({ length: body.count }, () => mintId<"Instance">());
    const job = jobFor(ids);
    const name = body.name ?? mintName();
    const names = ids.map((_, index) => (body.count === 1 ? name : `${name}-${index + 1}`));
    const more = await planDisks(
      database,
      project,
      {
        ...{ volumes: body.volumes, ephemeralGiB: body.ephemeralGiB, names, pool },
        areEncrypted: encryptsEverything,
        isEphemeralEncrypted: body.encrypted || image.key !== undefined,
      },
      volumeKeys,
      mintId,
      limits["volumes.most_disks"],
    );
    const isEncrypted = body.encrypted || encryptsEverything;
    // What is made of an encrypted image is opened with the key of the image.
    const rootKey = () => image.key ?? (isEncrypted ? volumeKeys.make() : undefined);
    const isLocked = isEncrypted || image.key !== undefined;
    const needsKeys = more.flat().some(({ key, disk }) => key && disk.pool === pool);
    if (isLocked || needsKeys) await mustEncrypt(database, pool);
    const births: Birth[] = [];
    await inBreaths(ids.entries(), ([index, id]) => {
      const birth = birthOf(
        {
          id,
          project,
          name: names[index] ?? name,
          type: type.name,
          cpus: type.cpus,
          memoryMiB: type.memoryMiB,
          image: image.id,
          volume: mintId<"Volume">(),
          zone: body.zone,
          hostTags: body.hostTags,
          antiAffinityGroup: body.antiAffinityGroup,
          userData: body.userData,
          startPaused: body.startPaused,
          isProtected: body.isProtected,
          metadata: body.metadata,
          metadataTokens: body.metadataTokens,
          metadataHops: body.metadataHops,
          recovery: body.recovery,
          priority: body.priority,
          dependsOn,
          requestId,
        },
        {
          volumeBytes,
          pool,
          limits: limitsOf(type),
          key: rootKey(),
          more: more[index] ?? [],
          connections: networks.map((network, slot) => ({
            id: mintId<"Nic">(),
            network,
            isPublic: body.isPublic && slot === 0,
            groups,
          })),
          dowry: { keys, maintenancePolicy, tags },
          image: image.state === "ready" ? "ready" : "importing",
        },
        job,
      );
      births.push(birth);
    });
    return births;
  }
}

/** What many requests at the same moment ask of the database: read once for all of them. */
function sharedReads({ lookUps }: Database) {
  return {
    typeOf: shared((name) => findType(lookUps, name)),
    /** By project and name. */
    imageOf: shared((key) => {
      const [project = "", image = ""] = key.split(" ");
      return findImage(lookUps, project as ProjectId, image); // Ids and names hold no spaces.
    }),
    /** By project, networks and groups, as JSON. */
    connectionsOf: shared((key) => {
      type Asked = [ProjectId, readonly string[] | null, readonly string[]]; // As it was put together above.
      const [project, networks, groups] = JSON.parse(key) as Asked;
      return findConnections(lookUps, project, { networks: networks ?? undefined, groups });
    }),
    requiredTags: shared((project) => readRequiredTags(lookUps, project as ProjectId)), // Keys are text.
    encrypts: shared((project) => encryptsAll(lookUps, project as ProjectId)), // Keys are text.
    runningJobs: shared((project) => countRunningJobs(lookUps, project as ProjectId)), // Keys are text.
  };
}

function checkJobs(running: number, most: number): void {
  if (running < most) return;
  throw problem(
    "exhausted",
    "too_many_jobs",
    `${running} jobs are under way in this project; ${most} is the limit.`,
    {
      fix: "Wait until some are done, or raise it: holdfast settings set manager.concurrent_jobs N",
      retryAfterSeconds: 5,
    },
  );
}

function checkTags(required: readonly RequiredTag[], tags: Readonly<Record<string, string>>): void {
  const why = tagsRefused(required, tags);
  if (why) throw why;
}

/** What its type allows the root volume; absent is as much as there is. */
function limitsOf({ diskIops, diskBytesPerSecond }: TypeView) {
  if (diskIops === null && diskBytesPerSecond === null) return null;
  return {
    ...(diskIops === null ? {} : { iops: diskIops }),
    ...(diskBytesPerSecond === null ? {} : { bytesPerSecond: diskBytesPerSecond }),
  };
}

const gib = 2 ** 30;

function volumeSize(
  body: api.RunRequest,
  typeGiB: number,
  image: string,
  imageBytes: number,
): number {
  const asked = (body.diskGiB ?? typeGiB) * gib;
  if (asked >= imageBytes) return asked;
  const needed = Math.ceil(imageBytes / gib);
  if (body.diskGiB === undefined) return needed * gib;
  throw problem(
    "invalid",
    "disk_too_small",
    `${body.diskGiB} GiB is less than the disk of ${image}.`,
    {
      fix: `Ask for ${needed} GiB or more: --disk ${needed}`,
      faults: [{ field: "body.diskGiB", reason: `must be at least ${needed}` }],
    },
  );
}

/** One of their names is. */
export function nameTaken(births: readonly Birth[]): Problem {
  const [first] = births;
  const name = first?.seed.name ?? "";
  const which = births.length > 1 ? `One of the names from ${name} on` : `The name ${name}`;
  return problem("conflict", "name_taken", `${which} is taken in this project.`, {
    fix: "Choose another, or leave it out to have one made up. Names are free again once their instance is expunged.",
    faults: [{ field: "body.name", reason: "is taken" }],
  });
}

const tooMany = (count: number, most: number) =>
  problem(
    "invalid",
    "too_many_instances",
    `${count} instances in one request; ${most} is the limit.`,
    {
      fix: "Ask several times, or raise it: holdfast settings set manager.instances_per_request N",
      faults: [{ field: "body.count", reason: `must be at most ${most}` }],
    },
  );

export const memoryTooSmall = (have: number, image: string, need: number) =>
  problem(
    "invalid",
    "memory_too_small",
    `${image} needs ${need} MiB of memory; this type has ${have}.`,
    {
      fix: "Choose a larger type: holdfast types",
      faults: [{ field: "body.type", reason: `has less than ${need} MiB` }],
    },
  );
