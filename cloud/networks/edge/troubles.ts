/** What is wrong with networks: routers that are not up, hosts that let packets past the rules, addresses that ran out. */
import { nobodyElse, type Trouble, type TroubleSource } from "@holdfast/cloud/checks";
import type { NetworksLook } from "@holdfast/cloud/hosts";
import type { HostId, ProjectId } from "@holdfast/kernel/ids";
import type { Instant } from "@holdfast/kernel/time";
import { iso, minutes, seconds } from "@holdfast/kernel/time";
import type { Database } from "@holdfast/store/database";
import { saysOf } from "./rule-notes.ts";

interface RouterRow {
  readonly id: string;
  readonly name: string;
  readonly project: ProjectId;
  readonly host: string;
  readonly isUp: boolean | null;
  readonly since: Instant;
  readonly says: string | null;
  readonly guests: string[];
}

/** A new router is up within a second; its host says so at its next look. */
const patience = seconds(10);
/**
 * A host mends its rules within seconds. What got through meanwhile is not undone, and whoever turned the
 * setting may do so again: operators who look now and then should see it.
 */
const remembered = minutes(10);

/** `looks`: what the hosts that are connected here said last; other managers know of theirs. */
export function networkTroubles(
  database: Database,
  looks: () => ReadonlyMap<HostId, NetworksLook>,
): TroubleSource {
  /** A host says what is, not since when; this manager remembers when it heard so first. */
  const since = new Map<HostId, Instant>();
  return async ({ project, now }) => {
    const routers = await readRouters(database, project);
    const down = routers.filter(
      ({ isUp, since: from }) => isUp === false || (isUp === null && now - from > patience),
    );
    if (project !== undefined) return down.map(routerDown);
    const rules = await ruleTroubles(database, now);
    const hosts = await hostTroubles(database, looks(), since, now);
    return [...down.map(routerDown), ...rules, ...hosts, ...(await addressTroubles(database))];
  };
}

const readRouters = (database: Database, project: ProjectId | undefined) =>
  database.query<RouterRow>(
    `select n.id, n.name, n.project_id as project, h.name as host, r.is_up as "isUp", r.since, r.says,
       array(select i.name from nic c join instance i on i.id = c.instance_id
         where c.network_id = n.id and i.state = 'running' order by i.name limit 20) as guests
     from router r join network n on n.id = r.network_id join host h on h.id = r.host_id
     where $1::uuid is null or n.project_id = $1`,
    [project ?? null],
  );

const routerDown = ({ id, name, project, host, since, says, guests }: RouterRow): Trouble => ({
  code: "router-down",
  severity: "degraded",
  subject: { kind: "platform", id, name: `network ${name}` },
  project,
  since,
  says: `Its router on ${host} is not up${says ? `: ${says}` : ""}.`,
  affects: { count: guests.length, names: guests },
  doing:
    "Its host makes it again every second. Guests reach each other meanwhile, and nothing else.",
  fix: `If it stays so, see the host: holdfast hosts, then its log about networks`,
});

interface RulesRow {
  readonly id: HostId;
  readonly name: string;
  readonly rules: NetworksLook["rules"];
  readonly since: Instant;
}

/** Read from the rows, so that every manager says it of every host. */
async function ruleTroubles(database: Database, now: Instant): Promise<readonly Trouble[]> {
  const rows = await database.query<RulesRow>(
    `select id, name, network_rules as rules, network_rules_since as since from host
     where state = 'up' and (network_rules <> 'in-force' or network_rules_since > $1) order by name`,
    [iso((now - remembered) as Instant)], // Instant less Duration.
  );
  return rows.map(({ id, name, rules, since }) => ({
    code: "rules-bypassed",
    severity: rules === "in-force" ? "risk" : "outage",
    subject: { kind: "host", id, name },
    project: undefined,
    since,
    says:
      rules === "in-force"
        ? "Packets passed its security groups unseen for a moment. The rules are in force again."
        : saysOf[rules],
    affects: nobodyElse,
    doing:
      rules === "in-force"
        ? "It looks every two seconds. This is said for ten minutes after it was mended."
        : "It puts them back within seconds.",
    fix: "Find out who changes it: a firewall's service, or a file in /etc/sysctl.d",
  }));
}

async function hostTroubles(
  database: Database,
  looks: ReadonlyMap<HostId, NetworksLook>,
  since: Map<HostId, Instant>,
  now: Instant,
): Promise<readonly Trouble[]> {
  const names = await database.query<{ id: HostId; name: string }>(
    "select id, name from host where state = 'up' and id = any($1)",
    [[...looks.keys()]],
  );
  const found = names.flatMap(({ id, name }) => {
    const says = looks.get(id)?.problem;
    return says ? [{ id, name, says }] : [];
  });
  for (const key of since.keys()) if (!found.some(({ id }) => key === id)) since.delete(key);
  return found.map(({ id, name, says }) => {
    const first = since.get(id) ?? now;
    since.set(id, first);
    return {
      code: "networks-not-made",
      severity: "degraded",
      subject: { kind: "host", id, name },
      project: undefined,
      since: first,
      says,
      affects: nobodyElse,
      doing: "It tries again every second. What runs goes on with the networks that it has.",
      fix: "See the log of its agent",
    };
  });
}

/** Instances that should have an address of their own, and there is none left. */
async function addressTroubles(database: Database): Promise<readonly Trouble[]> {
  const [short] = await database.query<{ names: string[]; since: Instant }>(
    `select array_agg(i.name order by i.name) as names, min(i.created_at) as since
     from nic c join instance i on i.id = c.instance_id left join public_address a on a.nic_id = c.id
     where c.is_public and a.address is null and i.state = 'running'`,
  );
  if (!short?.names || short.names.length === 0) return [];
  return [
    {
      code: "public-addresses-short",
      severity: "degraded",
      subject: { kind: "platform", id: "public-addresses", name: "public addresses" },
      project: undefined,
      since: short.since,
      says: `${short.names.length} running instances should have a public address, and none is free.`,
      affects: { count: short.names.length, names: short.names.slice(0, 20) },
      doing: "They get one as soon as one is given back.",
      fix: "Give the platform more: holdfast ranges add CIDR",
    },
  ];
}
