/**
 * Static public addresses: a project keeps them until it gives them back, whoever has them meanwhile.
 *
 * Those that the platform hands out by itself (automatic ones, and those of routers) are listed too, but
 * only the platform moves them.
 */
import { mustFit } from "@holdfast/cloud/quotas/edge";
import { tagsOf } from "@holdfast/cloud/tags/edge";
import type { InstanceId, NicId, ProjectId } from "@holdfast/kernel/ids";
import { problem } from "@holdfast/kernel/problem";
import { type Instant, iso } from "@holdfast/kernel/time";
import type { Sql } from "@holdfast/store/database";
import { type AskedPage, readPage } from "@holdfast/store/pages";
import type { AddressView } from "../api.ts";
import { parseAddress } from "../core/cidr.ts";
import { findNetwork, holdNics, notConnected } from "./lookup.ts";
import { takeBackAutomatic, takeOne } from "./public-addresses.ts";

const select = (
  from = "public_address a",
) => `select host(a.address) as address, a.name, a.kind, i.name as instance,
    n.name as network, a.allocated_at as "allocatedAt", ${tagsOf("a.id")} as tags
  from ${from} left join nic c on c.id = a.nic_id
    left join instance i on i.id = c.instance_id left join network n on n.id = a.network_id`;

/** By address. Rejects with `cursor_not_valid`. */
export async function pageOfAddresses(
  sql: Sql,
  project: ProjectId,
  page: AskedPage,
): Promise<{ addresses: AddressView[]; next: string | null }> {
  const { items, next } = await readPage<AddressView>(
    sql,
    {
      name: `addresses ${project}`,
      from: "public_address a",
      where: [["a.project_id = ?", project]],
      by: {
        columns: ["a.address"],
        keyOf: ({ address }) => [address],
        isKey: ([address]) => typeof address === "string" && parseAddress(address) !== undefined,
      },
      show: select,
    },
    page,
  );
  return { addresses: items, next };
}

async function viewOf(sql: Sql, project: ProjectId, address: string): Promise<AddressView> {
  const [row] = await sql.query<AddressView>(
    `${select()} where a.project_id = $1 and a.address = $2::inet`,
    [project, address],
  );
  if (!row) throw new Error(`the address ${address} that is held is gone`);
  return row;
}

/** Rejects with `public_addresses_exhausted`. Breaks `public_address_by_name` if the name is taken. */
export async function allocateAddress(
  sql: Sql,
  project: ProjectId,
  name: string | undefined,
  now: Instant,
): Promise<AddressView> {
  await mustFit(sql, project, { addresses: 1 });
  const address = await takeOne(sql);
  await sql.query(
    `insert into public_address (address, project_id, kind, name, allocated_at)
     values ($1, $2, 'static', $3, $4)`,
    [address, project, name ?? null, iso(now)],
  );
  return viewOf(sql, project, address);
}

/** An instance that had an address, or has one now. */
export interface Bearer {
  readonly instance: InstanceId;
  readonly address: string;
}

export interface Moved {
  readonly view: AddressView;
  /** Nothing was moved if both are empty. */
  readonly lost: readonly Bearer[];
  readonly got: readonly Bearer[];
}

/**
 * Whoever had it loses it; what the instance had before is given back or stays its project's. Rejects with
 * `address_not_found`, `address_not_static`, `instance_not_found`, `network_not_found`, `not_connected`.
 */
export async function attachAddress(
  sql: Sql,
  project: ProjectId,
  addressOrName: string,
  to: { readonly instance: string; readonly network: string | undefined },
): Promise<Moved> {
  const network =
    to.network === undefined ? undefined : await findNetwork(sql, project, to.network);
  // The connection before the address: two that want the same one wait for each other in one order.
  const { instance, name, nics } = await holdNics(sql, project, to.instance);
  const held = await holdAddress(sql, project, addressOrName);
  const nic = nics.find((one) => network === undefined || one.network === network.id);
  if (!nic) throw notConnected(name, network?.name);
  const { address } = held;
  if (held.nic === nic.id) return { view: await viewOf(sql, project, address), lost: [], got: [] };
  await takeBackAutomatic(sql, [nic.id]);
  const before = await sql.query<{ address: string }>(
    "update public_address set nic_id = null where nic_id = $1 returning host(address) as address",
    [nic.id],
  );
  await sql.query("update public_address set nic_id = $2 where address = $1::inet", [
    address,
    nic.id,
  ]);
  return {
    view: await viewOf(sql, project, address),
    lost: [
      ...before.map((one) => ({ instance, address: one.address })),
      ...(held.instance ? [{ instance: held.instance, address }] : []),
    ],
    got: [{ instance, address }],
  };
}

/** Rejects with `address_not_found` and `address_not_static`. */
export async function detachAddress(
  sql: Sql,
  project: ProjectId,
  addressOrName: string,
): Promise<Moved> {
  const { address, instance } = await holdAddress(sql, project, addressOrName);
  await sql.query("update public_address set nic_id = null where address = $1::inet", [address]);
  const lost = instance ? [{ instance, address }] : [];
  return { view: await viewOf(sql, project, address), lost, got: [] };
}

/** Rejects with `address_not_found`, `address_not_static` and `address_in_use`. */
export async function releaseAddress(
  sql: Sql,
  project: ProjectId,
  addressOrName: string,
): Promise<AddressView> {
  const { address, nic } = await holdAddress(sql, project, addressOrName);
  const view = await viewOf(sql, project, address);
  if (nic)
    throw problem("conflict", "address_in_use", `${view.instance} has ${address}.`, {
      fix: `Take it away first: holdfast addresses detach ${view.name ?? address}`,
    });
  await sql.query("delete from public_address where address = $1::inet", [address]);
  return view;
}

interface Held {
  readonly address: string;
  readonly nic: NicId | null;
  readonly instance: InstanceId | null;
}

/** It stays as it is for the rest of the transaction. */
async function holdAddress(sql: Sql, project: ProjectId, addressOrName: string): Promise<Held> {
  const [row] = await sql.query<Held & { kind: AddressView["kind"]; network: string | null }>(
    `select host(a.address) as address, a.kind, a.nic_id as nic, n.name as network,
       (select c.instance_id from nic c where c.id = a.nic_id) as instance
     from public_address a left join network n on n.id = a.network_id
     where a.project_id = $1 and (host(a.address) = $2 or a.name = $2) for update of a`,
    [project, addressOrName],
  );
  if (!row)
    throw problem("not_found", "address_not_found", `This project has no ${addressOrName}.`, {
      fix: "See what it has: holdfast addresses",
    });
  if (row.kind === "static") return row;
  throw problem(
    "conflict",
    "address_not_static",
    row.kind === "router"
      ? `${row.address} is what guests of ${row.network} come from, for as long as that network is there.`
      : `${row.address} was handed out by the platform, and is taken back when its instance stops.`,
    { fix: "Take one to keep, then attach that: holdfast addresses allocate" },
  );
}
