/**
 * What every project of EC2's has from the beginning: a network and a security group, both called `default`.
 *
 * They are made when somebody who may make things first needs them. An instance of EC2's is never without a group,
 * because ours would be open to everybody then.
 */
import { addRules, createGroup, createNetwork } from "@holdfast/cloud/networks/api";
import { Problem } from "@holdfast/kernel/problem";
import type { Call } from "./call.ts";

/** Ids; undefined where there is none and none could be made. */
export interface Defaults {
  readonly network: string | undefined;
  readonly group: string | undefined;
}

export async function findDefaults({ database, project }: Call): Promise<Defaults> {
  const [row] = await database.lookUps.query<{ network: string | null; group: string | null }>(
    `select (select id from network where project_id = $1 and name = 'default' and deleted_at is null) as network,
       (select id from security_group where project_id = $1 and name = 'default') as "group"`,
    [project],
  );
  return { network: row?.network ?? undefined, group: row?.group ?? undefined };
}

/** `known`: those that were found for this request. */
export async function ensureDefaults(call: Call, known?: Defaults): Promise<Defaults> {
  const found = known ?? (await findDefaults(call));
  if (found.network === undefined) await makeNetwork(call);
  if (found.group === undefined)
    await unlessIt(["name_taken"], async () => {
      await call.native(createGroup, {
        body: {
          name: "default",
          description: "default VPC security group",
          rules: [{ direction: "egress", protocol: "any", cidr: "0.0.0.0/0" }],
        },
      });
      await call.native(addRules, {
        params: { group: "default" },
        body: { rules: [{ direction: "ingress", protocol: "any", group: "default" }] },
      });
    });
  return found.network && found.group ? found : findDefaults(call);
}

/** As EC2 has it, if that is free: the usual supply would be full with 250 instances, ended ones among them. */
const usual = "172.31.0.0/16";
const full = ["name_taken", "networks_exhausted", "network_ids_exhausted"];

async function makeNetwork(call: Call): Promise<void> {
  const inUse = ["network_overlaps", "network_unusable"];
  await unlessIt([...full, ...inUse], () =>
    call.native(createNetwork, { body: { name: "default", cidr: usual } }),
  );
  const { network } = await findDefaults(call);
  if (network === undefined)
    await unlessIt(full, () => call.native(createNetwork, { body: { name: "default" } }));
}

/** For whoever only looks: a viewer may not make them, and then there are none. */
export const tryDefaults = (call: Call): Promise<Defaults> =>
  ensureDefaults(call).catch((error: unknown) => {
    if (error instanceof Problem && error.kind === "forbidden") return findDefaults(call);
    throw error;
  });

/** Somebody else may have made it meanwhile, or there may be no room for one. */
async function unlessIt(codes: readonly string[], work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof Problem && codes.includes(error.code))) throw error;
  }
}
