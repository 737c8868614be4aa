/** Ports of a network's public address that are led to one of its guests. */
import type { NetworkId, ProjectId } from "@holdfast/kernel/ids";
import { problem } from "@holdfast/kernel/problem";
import { type Instant, iso } from "@holdfast/kernel/time";
import { isText } from "@holdfast/store/cursor";
import type { Sql } from "@holdfast/store/database";
import { type AskedPage, readPage } from "@holdfast/store/pages";
import type { ForwardView } from "../api.ts";
import { holdNetwork, holdNics, notConnected } from "./lookup.ts";

export interface NewForward {
  readonly id: string;
  readonly protocol: "tcp" | "udp";
  readonly publicPort: number;
  readonly instance: string;
  readonly port: number;
  readonly createdAt: Instant;
}

const select = (
  from = "port_forward f",
) => `select f.id, n.name as network, f.protocol, host(a.address) as "publicAddress",
    f.public_port as "publicPort", i.name as instance, host(c.address) as address, f.port,
    f.created_at as "createdAt"
  from ${from} join network n on n.id = f.network_id
    join nic c on c.id = f.nic_id join instance i on i.id = c.instance_id
    left join public_address a on a.network_id = n.id`;

/** By port. Rejects with `cursor_not_valid`. */
export async function pageOfForwards(
  sql: Sql,
  network: NetworkId,
  page: AskedPage,
): Promise<{ forwards: ForwardView[]; next: string | null }> {
  const { items, next } = await readPage<ForwardView>(
    sql,
    {
      name: `forwards ${network}`,
      from: "port_forward f",
      where: [["f.network_id = ?", network]],
      by: {
        columns: ["f.public_port", "f.protocol"],
        keyOf: ({ publicPort, protocol }) => [publicPort, protocol],
        isKey: ([port, protocol]) =>
          Number.isInteger(port) && Number(port) <= 65_535 && isText(protocol),
      },
      show: select,
    },
    page,
  );
  return { forwards: items, next };
}

/** Rejects with `network_not_found`, `instance_not_found`, `not_connected` and `port_taken`. */
export async function insertForward(
  sql: Sql,
  project: ProjectId,
  nameOrId: string,
  forward: NewForward,
): Promise<{ readonly network: NetworkId; readonly view: ForwardView }> {
  const network = await holdNetwork(sql, project, nameOrId);
  const { name, nics } = await holdNics(sql, project, forward.instance);
  const nic = nics.find((one) => one.network === network.id);
  if (!nic) throw notConnected(name, network.name);
  const { protocol, publicPort } = forward;
  const [other] = await sql.query<ForwardView>(
    `${select()} where f.network_id = $1 and f.protocol = $2 and f.public_port = $3`,
    [network.id, protocol, publicPort],
  );
  if (other) throw portTaken(other);
  await sql.query(
    `insert into port_forward (id, network_id, protocol, public_port, nic_id, port, created_at)
     values ($1, $2, $3, $4, $5, $6, $7)`,
    [forward.id, network.id, protocol, publicPort, nic.id, forward.port, iso(forward.createdAt)],
  );
  const [view] = await sql.query<ForwardView>(`${select()} where f.id = $1`, [forward.id]);
  if (!view) throw new Error("a forward that was written is gone");
  return { network: network.id, view };
}

/** Rejects with `forward_not_found`. */
export async function deleteForward(
  sql: Sql,
  { id: network, name }: { readonly id: NetworkId; readonly name: string },
  id: string,
): Promise<ForwardView> {
  const [view] = await sql.query<ForwardView>(
    `${select()} where f.id = $1 and f.network_id = $2 for update of f`,
    [id, network],
  );
  if (!view)
    throw problem("not_found", "forward_not_found", `${name} has no such forward.`, {
      fix: `See them: holdfast forward list ${name}`,
    });
  await sql.query("delete from port_forward where id = $1", [id]);
  return view;
}

const portTaken = ({ network, protocol, publicPort, instance, port }: ForwardView) =>
  problem(
    "conflict",
    "port_taken",
    `${protocol} port ${publicPort} of ${network} leads to port ${port} of ${instance} already.`,
    {
      fix: `Choose another port, or take that one away: holdfast forward delete ${network} ${publicPort}${protocol === "udp" ? " --udp" : ""}`,
      faults: [{ field: "body.publicPort", reason: "is taken" }],
    },
  );
