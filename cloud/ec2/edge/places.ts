/** Where things are: one region, whatever it is called by whoever asks, and the zones of the platform. */

import { createHash } from "node:crypto";
import type { ProjectId } from "@holdfast/kernel/ids";
import type { Sql } from "@holdfast/store/database";
import { readAliases } from "../core/aliases.ts";
import { badValue, refuse } from "../core/errors.ts";
import { filtering } from "../core/filters.ts";
import { idOf } from "../core/ids.ts";
import type { Place } from "../core/instance.ts";
import type { AvailabilityZone, Region } from "../core/words.ts";
import { type Answers, accountOf, type Call } from "./call.ts";

/** What is one thing here for what is two of ours, such as a network in a zone. */
export const mixed = (...parts: readonly string[]) =>
  createHash("sha256").update(parts.join(" ")).digest("hex").slice(0, 17);

export const subnetOf = (network: string, zone: string) =>
  idOf("subnet", mixed("subnet", network, zone));

export async function zonesOf(sql: Sql): Promise<readonly string[]> {
  const rows = await sql.query<{ name: string }>("select name from zone order by name");
  return rows.map(({ name }) => name);
}

export async function placeOf(
  call: Pick<Call, "database" | "project" | "typeAliases">,
): Promise<Place> {
  const [zone = "default"] = await zonesOf(call.database.lookUps);
  const { aliasOf } = readAliases(call.typeAliases());
  return { account: accountOf(call.project), zone, aliasOf, subnetOf: remembered(subnetOf) };
}

/** All of a page are in a few subnets. */
function remembered(of: typeof subnetOf): typeof subnetOf {
  const known = new Map<string, Map<string, string>>();
  return (network, zone) => {
    const zones = known.get(network) ?? new Map<string, string>();
    if (zones.size === 0) known.set(network, zones);
    const before = zones.get(zone);
    if (before !== undefined) return before;
    const found = of(network, zone);
    zones.set(zone, found);
    return found;
  };
}

/** Rejects with `InvalidParameterValue`. */
export async function checkZone(sql: Sql, zone: string): Promise<string> {
  if ((await zonesOf(sql)).includes(zone)) return zone;
  throw badValue(
    "availabilityZone",
    zone,
    "There is no such zone: DescribeAvailabilityZones lists them.",
  );
}

const limits = async (sql: Sql, project: ProjectId): Promise<Readonly<Record<string, string>>> => {
  const [row] = await sql.query<{ name: string; digits: string }>(
    "select id::text as name from network where project_id = $1 and name = 'default' and deleted_at is null",
    [project],
  );
  return {
    "supported-platforms": "VPC",
    "default-vpc": row ? idOf("network", row.name) : "none",
    "max-instances": "10000",
    "vpc-max-security-groups-per-interface": "16",
    "max-elastic-ips": "10000",
    "vpc-max-elastic-ips": "10000",
  };
};

export const placeAnswers: Answers = {
  async DescribeRegions({ input, region, host }) {
    for (const name of input.RegionNames ?? [])
      if (name !== region)
        throw refuse("InvalidParameterValue", `Invalid region name: ${name.slice(0, 100)}`);
    const passes = filtering<Region>(input.Filters, {
      endpoint: ({ Endpoint }) => Endpoint,
      "region-name": ({ RegionName }) => RegionName,
      "opt-in-status": ({ OptInStatus }) => OptInStatus,
    });
    const only = {
      RegionName: region,
      Endpoint: host,
      OptInStatus: "opt-in-not-required",
    };
    return { Regions: [only].filter(passes) };
  },

  async DescribeAvailabilityZones({ database, input, region }) {
    const zones = (await zonesOf(database)).map(
      (name): AvailabilityZone => ({
        State: "available",
        OptInStatus: "opt-in-not-required",
        Messages: [],
        RegionName: region,
        ZoneName: name,
        ZoneId: name,
        GroupName: region,
        NetworkBorderGroup: region,
        ZoneType: "availability-zone",
      }),
    );
    const wanted = [...(input.ZoneNames ?? []), ...(input.ZoneIds ?? [])];
    for (const name of wanted)
      if (!zones.some(({ ZoneName }) => ZoneName === name))
        throw refuse("InvalidParameterValue", `Invalid availability zone: [${name.slice(0, 100)}]`);
    const passes = filtering<AvailabilityZone>(input.Filters, {
      "group-name": ({ GroupName }) => GroupName,
      message: () => [],
      "opt-in-status": ({ OptInStatus }) => OptInStatus,
      "region-name": ({ RegionName }) => RegionName,
      state: ({ State }) => State,
      "zone-id": ({ ZoneId }) => ZoneId,
      "zone-name": ({ ZoneName }) => ZoneName,
      "zone-type": ({ ZoneType }) => ZoneType,
    });
    return {
      AvailabilityZones: zones.filter(
        (zone) => (wanted.length === 0 || wanted.includes(zone.ZoneName ?? "")) && passes(zone),
      ),
    };
  },

  async DescribeAccountAttributes({ database, input, project }) {
    const all = Object.entries(await limits(database, project));
    const wanted = input.AttributeNames;
    for (const name of wanted ?? [])
      if (!all.some(([known]) => known === name))
        throw badValue("attributeName", name, "It is not known.");
    return {
      AccountAttributes: all
        .filter(([name]) => !wanted || wanted.includes(name))
        .map(([AttributeName, AttributeValue]) => ({
          AttributeName,
          AttributeValues: [{ AttributeValue }],
        })),
    };
  },
};
