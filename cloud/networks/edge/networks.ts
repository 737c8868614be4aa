/**
 * Networks: made, shown and deleted.
 *
 * A deleted network keeps its row, for the journal's sake; everything that it held is free again in the same
 * transaction, and only the one that sets `deleted_at` gives it back.
 */
import { mustFit } from "@holdfast/cloud/quotas/edge";
import type { NetworkId, ProjectId } from "@holdfast/kernel/ids";
import { problem } from "@holdfast/kernel/problem";
import { type Instant, iso } from "@holdfast/kernel/time";
import type { Sql } from "@holdfast/store/database";
import { type AskedPage, byName, readPage } from "@holdfast/store/pages";
import type { NetworkView } from "../api.ts";
import {
  type Cidr,
  formatAddress,
  formatCidr,
  gatewayOf,
  overlap,
  parseCidr,
} from "../core/cidr.ts";
import { mtuOf } from "../core/picture.ts";
import { capacityOf, firstFree, networkFault } from "../core/plan.ts";
import { holdNetwork, nameTaken, networkNotFound } from "./lookup.ts";
import { holdNetworks, idsExhausted, lowestFreeId, type Pool } from "./network-ids.ts";

export interface NewNetwork {
  readonly id: NetworkId;
  readonly project: ProjectId;
  readonly name: string;
  readonly cidr: string | undefined;
  readonly vlan: number | undefined;
  readonly createdAt: Instant;
}

export interface Supplies {
  readonly ids: Pool;
  /** Where the addresses of networks come from that nobody chose any for. */
  readonly addresses: string;
}

/**
 * `asker` is the project of whoever asks, undefined for an operator: refusals name no network of others.
 * Rejects with `name_taken`, `network_unusable`, `network_overlaps`, `networks_exhausted`,
 * `network_ids_exhausted` and `vlan_taken`.
 */
export async function insertNetwork(
  sql: Sql,
  network: NewNetwork,
  supplies: Supplies,
  asker: ProjectId | undefined,
): Promise<{ readonly cidr: string; readonly vni: number }> {
  const { id, project, name, vlan } = network;
  const asked = network.cidr === undefined ? undefined : usable(network.cidr);
  await mustFit(sql, project, { networks: 1 });
  await holdNetworks(sql);
  const others = await sql.query<{ name: string; cidr: string }>(
    "select name, cidr from network where project_id = $1 and deleted_at is null order by name",
    [project],
  );
  if (others.some((other) => other.name === name))
    throw nameTaken("a network", name, `holdfast networks delete ${name}`);
  const cidr = asked ? apart(asked, others) : choose(supplies.addresses, others);
  if (vlan !== undefined) await checkVlan(sql, vlan);
  const vni = await lowestFreeId(sql, supplies.ids);
  if (vni === undefined) throw await idsExhausted(sql, supplies.ids, asker);
  await sql.query(
    `insert into network (id, project_id, name, cidr, vni, vlan, domain, created_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8)`,
    // ICANN has set .internal aside for private use; with our name before it no firm's own names end so.
    [
      id,
      project,
      name,
      cidr,
      vni,
      vlan ?? null,
      `${name}.holdfast.internal`,
      iso(network.createdAt),
    ],
  );
  return { cidr, vni };
}

function usable(text: string): Cidr {
  const cidr = parseCidr(text);
  if (!cidr) throw new Error(`${text} was checked to be a network`);
  const fault = networkFault(cidr);
  if (!fault) return cidr;
  throw problem("invalid", "network_unusable", `${text} cannot be a network: ${fault}.`, {
    fix: "Choose one from /16 to /29 of private addresses, such as 10.1.0.0/24, or leave it out",
    faults: [{ field: "body.cidr", reason: fault }],
  });
}

interface Other {
  readonly name: string;
  readonly cidr: string;
}

function apart(cidr: Cidr, others: readonly Other[]): string {
  const other = others.find((one) => {
    const taken = parseCidr(one.cidr);
    return taken !== undefined && overlap(taken, cidr);
  });
  if (!other) return formatCidr(cidr);
  throw problem(
    "conflict",
    "network_overlaps",
    `${formatCidr(cidr)} has addresses in common with the network ${other.name} (${other.cidr}) of this project.`,
    {
      fix: "Choose other addresses, or leave them out: then they are free ones",
      facts: { network: other.name, cidr: other.cidr },
    },
  );
}

function choose(addresses: string, others: readonly Other[]): string {
  const supply = parseCidr(addresses);
  if (!supply) throw new Error(`networks.supply was checked, and is ${addresses}`);
  const free = firstFree(
    supply,
    others.flatMap((other) => parseCidr(other.cidr) ?? []),
  );
  if (free) return formatCidr(free);
  throw problem(
    "exhausted",
    "networks_exhausted",
    `The networks of this project take up every /24 of ${addresses}.`,
    {
      fix: "Choose other addresses with --cidr, delete a network (holdfast networks), or let an operator enlarge the supply: holdfast settings set networks.supply",
      facts: { supply: addresses, networks: others.length },
    },
  );
}

async function checkVlan(sql: Sql, vlan: number): Promise<void> {
  const [other] = await sql.query<{ name: string; project: string }>(
    `select n.name, p.name as project from network n join project p on p.id = n.project_id
     where n.vlan = $1 and n.deleted_at is null`,
    [vlan],
  );
  if (other)
    throw problem(
      "conflict",
      "vlan_taken",
      `The network ${other.name} of the project ${other.project} is on VLAN ${vlan} already.`,
      { fix: "Choose another VLAN: two networks on one would be one network" },
    );
}

type Row = Omit<NetworkView, "gateway" | "mtu" | "capacity">;

const select = (
  from = "network n",
) => `select n.id, n.name, p.name as project, n.cidr, n.vni, n.vlan, n.domain,
    (select count(*)::int from nic c where c.network_id = n.id) as guests,
    case when r.network_id is not null then jsonb_build_object('host', h.name,
      'generation', r.generation, 'isUp', r.is_up, 'says', r.says, 'publicAddress', host(a.address),
      'since', (extract(epoch from r.since) * 1000)::bigint) end as router,
    n.created_at as "createdAt"
  from ${from} join project p on p.id = n.project_id
    left join router r on r.network_id = n.id left join host h on h.id = r.host_id
    left join public_address a on a.network_id = n.id`;

/** By name. Rejects with `cursor_not_valid`. */
export async function pageOfNetworks(
  sql: Sql,
  project: ProjectId,
  page: AskedPage,
): Promise<{ networks: NetworkView[]; next: string | null }> {
  const { items, next } = await readPage<Row>(
    sql,
    {
      name: `networks ${project}`,
      from: "network n",
      where: [["n.project_id = ?", project], ["n.deleted_at is null"]],
      by: byName("n.name"),
      show: select,
    },
    page,
  );
  return { networks: items.map(viewOf), next };
}

/** By name or id. Rejects with `network_not_found`. */
export async function findNetworkView(
  sql: Sql,
  project: ProjectId,
  nameOrId: string,
): Promise<NetworkView> {
  const [row] = await sql.query<Row>(
    `${select()} where n.project_id = $1 and n.deleted_at is null and (n.name = $2 or n.id = as_uuid($2))`,
    [project, nameOrId],
  );
  if (row) return viewOf(row);
  throw networkNotFound(nameOrId);
}

function viewOf(row: Row): NetworkView {
  const cidr = parseCidr(row.cidr);
  if (!cidr) throw new Error(`the network ${row.name} has ${row.cidr}, which is no network`);
  return {
    ...row,
    gateway: formatAddress(gatewayOf(cidr)),
    mtu: mtuOf(row.vlan),
    capacity: capacityOf(cidr),
  };
}

/**
 * Gives back its id, its router with the public address, and its forwards. Returns it as it was. Rejects
 * with `network_not_found` and, while something is connected, with `network_in_use`.
 */
export async function deleteNetwork(
  sql: Sql,
  project: ProjectId,
  nameOrId: string,
  now: Instant,
): Promise<NetworkView> {
  const { id } = await holdNetwork(sql, project, nameOrId);
  const view = await findNetworkView(sql, project, id);
  const guests = await sql.query<{ name: string; state: string }>(
    `select i.name, i.state from nic c join instance i on i.id = c.instance_id
     where c.network_id = $1 order by c.slot, i.name`,
    [id],
  );
  if (guests.length > 0) throw inUse(view.name, guests);
  await sql.query("delete from port_forward where network_id = $1", [id]);
  await sql.query("delete from public_address where network_id = $1", [id]);
  await sql.query("delete from router where network_id = $1", [id]);
  await sql.query("update network set deleted_at = $2 where id = $1", [id, iso(now)]);
  return view;
}

function inUse(network: string, guests: readonly { name: string; state: string }[]) {
  const names = guests.slice(0, 5).map(({ name }) => name);
  const more = guests.length > names.length ? ` and ${guests.length - names.length} more` : "";
  const [first] = guests;
  const destroyed = first?.state === "destroyed" || first?.state === "expunging";
  return problem(
    "conflict",
    "network_in_use",
    `Connected to ${network}: ${names.join(", ")}${more}. Instances keep their addresses until they are expunged.`,
    {
      fix: destroyed
        ? `Expunge them: holdfast expunge ${first.name}`
        : `Expunge them: holdfast destroy ${first?.name}, then holdfast expunge ${first?.name}`,
      facts: { guests: guests.slice(0, 32) },
    },
  );
}
