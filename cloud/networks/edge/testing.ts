/**
 * Managers that know of nothing but networks, on a real database, for the tests of this folder.
 *
 * They work in the manager's role, so a grant that is missing shows here. Every refusal is held to what its
 * route declares.
 */
import { type Settings, settingsFrom } from "@holdfast/cloud/settings";
import type { InstanceId, MintId, NetworkId, NicId, ProjectId } from "@holdfast/kernel/ids";
import { type Asking, asking, countedIds } from "@holdfast/kernel/testing";
import type { Instant } from "@holdfast/kernel/time";
import { connectDatabase, type Database } from "@holdfast/store/database";
import { forAllTests, testDatabase } from "@holdfast/store/testing";
import { allotNics, insertNics, releaseNics } from "./nics.ts";
import { networkRoutes } from "./routes.ts";

type Routes = ReturnType<typeof networkRoutes>;

export interface Office extends Asking<Routes> {
  readonly database: Database;
  readonly project: ProjectId;
  readonly other: ProjectId;
  /** What was set; the rest is as by default. */
  readonly set: Map<string, unknown>;
  readonly mintId: MintId;
  /** How often this manager was told to look at its networks. */
  changes(): number;
  /** A row for an instance that stands still, connected to these. */
  instance(name: string, ...networks: readonly string[]): Promise<InstanceId>;
  expunge(instance: InstanceId): Promise<void>;
  /** How much of everything there is. */
  counts(): Promise<Readonly<Record<string, number>>>;
}

interface OfficeOptions {
  /** A second manager on the database of another. */
  readonly beside?: Office & { readonly url: string };
}

const mintId = countedIds();

/** For all tests of a file: one, and a second manager beside it. Call it at its top. */
export const openOffices = () =>
  forAllTests(
    async () => {
      const office = await openOffice();
      return { office, beside: await openOffice({ beside: office }) };
    },
    async ({ office, beside }) => {
      await beside.close();
      await office.close();
    },
  );

async function openOffice(options: OfficeOptions = {}) {
  const own = options.beside ? undefined : await testDatabase();
  const url = options.beside?.url ?? own?.url ?? "";
  const database = connectDatabase({ url, role: "holdfast_manager" });
  const project = options.beside?.project ?? (await insertProject(database, "default"));
  const other = options.beside?.other ?? (await insertProject(database, "other"));
  const set = new Map<string, unknown>();
  const now = 1_763_719_200_000 as Instant; // 2025-11-21T10:00:00Z, and it stays so.
  let changes = 0;
  const routes = networkRoutes({
    database,
    clock: { now: () => now, sleep: async () => {} },
    mintId,
    self: "manager-1",
    settings: (): Settings => settingsFrom(set),
    onChanged: () => {
      changes++;
    },
  });

  const office: Office = {
    ...{ database, project, other, set, mintId, ...asking(routes, project) },
    changes: () => changes,
    instance: (name, ...networks) => insertInstance(office, name, networks),
    async expunge(instance) {
      await database.transaction(async (sql) => {
        await sql.query("update instance set state = 'expunged' where id = $1", [instance]);
        await releaseNics(sql, [instance]);
      });
    },
    counts: async () => {
      const [row] = await database.query<Record<string, number>>(`select ${countsOf.join(", ")}`);
      return row ?? {};
    },
  };
  return Object.assign(office, {
    url,
    async close() {
      await database.close();
      await own?.drop();
    },
  });
}

const counted = ["nic", "router", "public_range", "public_address", "port_forward"];
const rules = ["security_group", "security_rule", "nic_group"];
const countsOf = [
  "(select count(*)::int from network where deleted_at is null) as network",
  ...[...counted, ...rules].map((table) => `(select count(*)::int from ${table}) as ${table}`),
];

async function insertProject(database: Database, name: string): Promise<ProjectId> {
  const id = mintId<"Project">();
  await database.query("insert into project (id, name) values ($1, $2)", [id, name]);
  return id;
}

async function insertInstance(
  { database, project }: Office,
  name: string,
  networks: readonly string[],
): Promise<InstanceId> {
  const [image, volume, instance] = [
    mintId<"Image">(),
    mintId<"Volume">(),
    mintId<"Instance">(),
  ] as const;
  await database.transaction(async (sql) => {
    await sql.query(
      "insert into image (id, name, state, source) values ($1, $2, 'ready', 'built')",
      [image, `of-${image}`],
    );
    await sql.query(
      `insert into volume (id, project_id, image_id, state, size_bytes, created_at)
       values ($1, $2, $3, 'ready', 1, now())`,
      [volume, project, image],
    );
    await sql.query(
      `insert into instance (id, project_id, name, type, cpus, memory_mib, image_id, volume_id,
         created_at, desired, state, request_id)
       values ($1, $2, $3, 'tiny', 1, 128, $4, $5, now(), 'stopped', 'stopped', 'req-0')`,
      [instance, project, name, image, volume],
    );
    const found = await sql.query<{ id: NetworkId }>(
      `select id from network where name = any($1) and project_id = $2 and deleted_at is null
       order by array_position($1, name)`,
      [networks, project],
    );
    const connections = found.map(({ id }) => ({
      ...{ id: mintId<"Nic">() as NicId, network: id },
      ...{ isPublic: false, groups: [] },
    }));
    await insertNics(sql, await allotNics(sql, [{ instance, connections }]));
  });
  return instance;
}
