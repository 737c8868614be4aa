/**
 * Instances as the API shows them, with the names of what they refer to: one query for a page, and one for what each may have
 * many of.
 */
import { nicViews } from "@holdfast/cloud/networks/edge";
import { taggedAs, tagsOrNull } from "@holdfast/cloud/tags/edge";
import { diskViews, type RootColumns, rootColumns } from "@holdfast/cloud/volumes/edge";
import type { InstanceId, ProjectId } from "@holdfast/kernel/ids";
import { problem } from "@holdfast/kernel/problem";
import { isUuid } from "@holdfast/store/cursor";
import type { Sql } from "@holdfast/store/database";
import { type AskedPage, readPage } from "@holdfast/store/pages";
import type { InstanceView } from "../api.ts";
import { homed } from "../core/lifecycle.ts";
import { inBreaths } from "./breath.ts";

/** Null for an empty list: nothing is cheaper to send and to read. */
type Shown = Omit<InstanceView, "id" | "nics" | "disks" | "dependsOn" | "hostTags" | "tags">;
type ViewRow = Shown &
  RootColumns & {
    readonly dependsOn: string[] | null;
    readonly hostTags: string[] | null;
    readonly tags: InstanceView["tags"] | null;
  };

const columns = `i.id, p.name as project, i.name, i.type, i.cpus, i.memory_mib as "memoryMiB", m.name as image,
  i.volume_id as volume, i.desired, i.state, i.op, i.job_id as job, i.generation, h.name as host, c.guest,
  c.up_at as "upAt", c.begun, i.cause, i.is_protected as "isProtected",
  coalesce(i.metadata, 'on') as metadata, coalesce(i.metadata_tokens, 'optional') as "metadataTokens",
  coalesce(i.metadata_hops, 1) as "metadataHops", v.pool,
  i.recovery, i.priority, case when i.depends_on <> '{}' then
    array(select d.name from instance d where d.id = any(i.depends_on) order by d.name) end as "dependsOn",
  i.zone, nullif(i.host_tags, '{}') as "hostTags",
  i.anti_affinity_group as "antiAffinityGroup", cardinality(i.restarts) as restarts, i.look_at as "nextLook",
  i.created_at as "createdAt", i.destroyed_at as "destroyedAt", ${tagsOrNull("i.id")} as tags, ${rootColumns}`;
const joins = `join image m on m.id = i.image_id
  join volume v on v.id = i.volume_id
  left join host h on h.id = i.home
  left join incarnation c on c.instance_id = i.id and c.generation = i.generation`;
const sources = `instance i join project p on p.id = i.project_id ${joins}`;

type Nics = ReturnType<typeof nicViews>;

async function dressed(
  sql: Sql,
  rows: readonly ViewRow[],
  asked: Nics = nicViews(
    sql,
    rows.map(({ id }) => id),
  ),
): Promise<InstanceView[]> {
  const [nics, disks] = await Promise.all([asked, diskViews(sql, rows)]);
  const views: InstanceView[] = [];
  await inBreaths(rows, (row) => {
    views.push(shown(row, nics.get(row.id) ?? [], disks.get(row.id) ?? []));
  });
  return views;
}

/** Each by its name: to leave a few parts of a row out of a new object costs as much as all else that is done with it. */
function shown(
  row: ViewRow,
  nics: readonly InstanceView["nics"][number][],
  disks: readonly InstanceView["disks"][number][],
): InstanceView {
  // What a guest did is shown only while there is one.
  const hasGuest = homed.has(row.state);
  return {
    id: row.id,
    project: row.project,
    name: row.name,
    type: row.type,
    cpus: row.cpus,
    memoryMiB: row.memoryMiB,
    image: row.image,
    volume: row.volume,
    desired: row.desired,
    state: row.state,
    op: row.op,
    job: row.job,
    generation: row.generation,
    host: row.host,
    guest: hasGuest ? row.guest : null,
    upAt: hasGuest ? row.upAt : null,
    begun: hasGuest ? row.begun : null,
    cause: row.cause,
    isProtected: row.isProtected,
    metadata: row.metadata,
    metadataTokens: row.metadataTokens,
    metadataHops: row.metadataHops,
    pool: row.pool,
    recovery: row.recovery,
    priority: row.priority,
    dependsOn: row.dependsOn ?? [],
    zone: row.zone,
    hostTags: row.hostTags ?? [],
    antiAffinityGroup: row.antiAffinityGroup,
    restarts: row.restarts,
    nextLook: row.nextLook,
    createdAt: row.createdAt,
    destroyedAt: row.destroyedAt,
    nics: [...nics],
    disks: [...disks],
    tags: row.tags ?? {},
  };
}

export async function viewInstances(
  sql: Sql,
  ids: readonly InstanceId[],
): Promise<readonly InstanceView[]> {
  const rows = sql.query<ViewRow>(
    `select ${columns} from ${sources} where i.id = any($1) order by i.id`,
    [ids],
  );
  const nics = nicViews(sql, ids); // In one breath with the rows, which it need not wait for.
  nics.catch(() => {}); // The rows are heard first.
  return dressed(sql, await rows, nics);
}

export interface Page extends AskedPage {
  readonly state?: InstanceView["state"] | undefined;
  readonly host?: string | undefined;
  readonly name?: string | undefined;
  readonly tag?: string | undefined;
}

export async function pageOfInstances(
  sql: Sql,
  project: ProjectId,
  page: Page,
): Promise<{ instances: InstanceView[]; next: string | null }> {
  const { state, host, name, tag } = page;
  const { items, next } = await readPage<ViewRow>(
    sql,
    {
      name: `instances ${project}`,
      from: "instance i",
      where: [
        ["i.project_id = ?", project],
        [state === "expunged" ? "i.is_expunged" : "not i.is_expunged"],
        ["i.state = ?", state === "expunged" ? undefined : state],
        ["i.home = (select id from host where name = ?)", host],
        ["i.name = ?", name],
        taggedAs("i", tag),
      ],
      // All are of this project: its name is looked up once.
      show: (found, value) =>
        `select ${columns} from project p, ${found} ${joins} where p.id = ${value(project)}`,
    },
    page,
  );
  return { instances: await dressed(sql, items), next };
}

/** By id, or by the name of one that is not expunged. Rejects with `instance_not_found`. */
export async function findInstance(
  sql: Sql,
  project: ProjectId,
  nameOrId: string,
): Promise<InstanceView> {
  // One that is called like the id of another is found where nobody has that id.
  const isId = isUuid(nameOrId);
  for (const condition of [
    ...(isId ? ["i.id = $2::uuid"] : []),
    "i.name = $2 and not i.is_expunged",
  ]) {
    const [row] = await sql.query<ViewRow>(
      `select ${columns} from ${sources} where i.project_id = $1 and ${condition}`,
      [project, nameOrId],
    );
    const [view] = row ? await dressed(sql, [row]) : [];
    if (view) return view;
  }
  throw instanceNotFound(nameOrId);
}

export const instanceNotFound = (nameOrId: string) =>
  problem("not_found", "instance_not_found", `There is no instance ${nameOrId}.`, {
    fix: "See them: holdfast list",
  });
