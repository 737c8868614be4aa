/** Lists a page at a time, while rows come, go and change: whoever stays is seen once. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type Platform, startPlatform } from "./platform.ts";

let platform: Platform;
before(async () => {
  platform = await startPlatform({ hosts: 1, isMadeUp: true });
});
after(() => platform.close());

interface Page {
  readonly next: string | null;
}

const [seed] = [Number(process.env.SEED ?? 1 + Math.floor(Math.random() * 1e6))];
let state = seed;
/** Below `most`; the same for the same seed. */
function below(most: number): number {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  return Math.floor((state / 2 ** 32) * most);
}

/** An instance that stands still, with an id anywhere among the others. */
async function insert(name: string): Promise<void> {
  const { database } = platform;
  await database.query(
    `with v as (insert into volume (id, project_id, image_id, state, size_bytes, created_at)
       select gen_random_uuid(), p.id, m.id, 'ready', 4096, now() from project p, image m where p.name = 'default' returning *)
     insert into instance (id, project_id, name, type, cpus, memory_mib, image_id, volume_id, created_at, desired, state, request_id)
     select gen_random_uuid(), v.project_id, $1, 'tiny', 1, 128, v.image_id, v.id, now(), 'stopped', 'stopped', 'test' from v`,
    [name],
  );
}
const expunge = (name: string) =>
  platform.database.query(
    "update instance set state = 'expunged', desired = 'expunged' where name = $1",
    [name],
  );

for (const [what, query] of [
  ["all", ""],
  ["those in one state", "&state=stopped"],
] as const)
  test(`every instance that stays is on exactly one page of ${what}, whatever comes and goes (SEED=${seed})`, async () => {
    const prefix = what.slice(0, 3);
    const names = new Set<string>();
    for (let n = 0; n < 60; n++) {
      await insert(`${prefix}-${n}`);
      names.add(`${prefix}-${n}`);
    }
    const steady = new Set(names);
    const seen: string[] = [];
    let fresh = 0;
    let next: string | null = null;
    do {
      const after: string = next ? `&after=${next}` : "";
      const { status, body } = await platform.call<Page & { instances: { name: string }[] }>(
        "GET",
        `/v1/projects/default/instances?limit=${1 + below(9)}${query}${after}`,
      );
      assert.equal(status, 200);
      seen.push(...body.instances.map(({ name }) => name));
      next = body.next;
      for (let change = below(4); change > 0; change--) {
        const [name = ""] = [...names].slice(below(names.size));
        const kind = below(3);
        if (kind === 0) {
          await expunge(name);
          names.delete(name);
          steady.delete(name);
        } else if (kind === 1) {
          await insert(`${prefix}-new-${++fresh}`);
          names.add(`${prefix}-new-${fresh}`);
        } else
          await platform.database.query(
            "update instance set version = version + 1 where name = $1",
            [name],
          );
      }
    } while (next);
    assert.equal(new Set(seen).size, seen.length, "one was shown twice");
    const missed = [...steady].filter((name) => !seen.includes(name));
    assert.deepEqual(missed, []);
  });

const ofDefault =
  "from project p, volume v where p.name = 'default' and v.project_id = p.id order by v.id limit 1";
const at = "/v1/projects/default";
/** Begins a statement with the instance `i` that a host runs. */
const running = (
  name: string,
) => `with v as (insert into volume (id, project_id, image_id, state, size_bytes, created_at)
    select gen_random_uuid(), p.id, m.id, 'ready', 4096, now() from project p, image m
    where p.name = 'default' and m.name = 'tiny' returning *),
  i as (insert into instance (id, project_id, name, type, cpus, memory_mib, image_id, volume_id, created_at, desired,
      state, home, request_id)
    select gen_random_uuid(), v.project_id, '${name}-' || $1, 'tiny', 1, 128, v.image_id, v.id, now(), 'running',
      'running', h.id, 'test' from v, host h where h.name = 'host-1' returning *)`;

interface Other {
  /** The list in the reply, and where it is if not there. */
  readonly of: string;
  readonly path?: string;
  readonly query?: string;
  readonly key: string;
  readonly row: string;
  readonly isYoungestFirst?: boolean;
}

/** What else there is, how one of each is made by its row, and how all are asked for. */
const others: readonly Other[] = [
  {
    ...{ of: "volumes", key: "id" },
    row: `insert into volume (id, project_id, name, kind, state, size_bytes, created_at)
      select gen_random_uuid(), id, 'list-' || $1, 'data', 'allocated', 4096, now() from project where name = 'default'`,
  },
  {
    ...{ of: "snapshots", key: "id" },
    row: `insert into snapshot (id, project_id, name, volume_id, lies_in, state, bytes, created_at)
      select gen_random_uuid(), p.id, 'list-' || $1, v.id, v.id, 'ready', 1, now() ${ofDefault}`,
  },
  {
    ...{ of: "backups", key: "id" },
    row: `insert into backup (id, project_id, volume_id, lies_in, volume_name, kind, state, bytes, created_at)
      select gen_random_uuid(), p.id, v.id, v.id, 'list-' || $1, 'data', 'ready', 1, now() ${ofDefault}`,
  },
  {
    ...{ of: "networks", key: "name" },
    row: `insert into network (id, project_id, name, cidr, vni, domain, created_at)
      select gen_random_uuid(), id, 'list-' || $1, '10.77.0.0/24', 500000 + $1::int, 'internal', now() from project where name = 'default'`,
  },
  {
    ...{ of: "jobs", key: "id", isYoungestFirst: true },
    row: `insert into job (id, project_id, kind, state, targets, total, succeeded, actor, request_id, created_at, finished_at)
      select gen_random_uuid(), id, 'run', 'succeeded', '{}', 1, 1, 'operator', 'list-' || $1, now(), now() from project where name = 'default'`,
  },
  {
    ...{ of: "addresses", key: "address" },
    row: `insert into public_address (address, project_id, kind, allocated_at)
      select '198.18.1.0'::inet + 100 + $1::int, id, 'static', now() from project where name = 'default'`,
  },
  {
    ...{ of: "groups", path: "/security-groups", key: "name" },
    row: `insert into security_group (id, project_id, name, description, created_at)
      select gen_random_uuid(), id, 'list-' || $1, '', now() from project where name = 'default'`,
  },
  {
    ...{ of: "forwards", path: "/networks/list-1/forwards", key: "id" },
    row: `${running("behind")}, c as (insert into nic (id, instance_id, network_id, slot, address, mac)
        select gen_random_uuid(), i.id, n.id, 0, '10.77.0.10'::inet + $1::int, '52:54:00:00:00:' || lpad(to_hex(10 + $1::int), 2, '0')
        from i, network n where n.name = 'list-1' returning *)
      insert into port_forward (id, network_id, protocol, public_port, nic_id, port, created_at)
      select ('0197a000-0000-7000-8000-' || lpad($1, 12, '0'))::uuid, network_id, 'tcp', 1000 + $1::int, id, 80, now() from c`,
  },
  {
    ...{ of: "images", key: "name" },
    row: `insert into image (id, project_id, name, state, source)
      select gen_random_uuid(), id, 'list-' || $1, 'failed', 'test' from project where name = 'default'`,
  },
  { ...{ of: "statuses", key: "instance" }, row: `${running("watched")} select from i` },
  {
    ...{ of: "alarms", key: "name" },
    row: `insert into alarm (id, project_id, name, check_name, periods, action, created_at, created_by)
      select gen_random_uuid(), id, 'list-' || $1, 'any', 1000, 'recover', now(), 'test' from project where name = 'default'`,
  },
  {
    ...{ of: "schedules", path: "/backup-schedules", key: "volumeId" },
    row: `with v as (insert into volume (id, project_id, name, kind, state, size_bytes, created_at)
        select gen_random_uuid(), id, 'kept-' || $1, 'data', 'allocated', 4096, now() from project where name = 'default' returning id)
      insert into backup_schedule (volume_id, every_minutes, keep_hourly, keep_daily, keep_weekly, next_at, created_at)
      select id, 60, 1, 1, 1, now() + interval '1 day', now() from v`,
  },
  {
    ...{ of: "windows", path: "/event-windows", key: "name" },
    row: `insert into event_window (id, project_id, name, ranges, is_for_all, created_at)
      select gen_random_uuid(), id, 'list-' || $1, '[]', false, now() from project where name = 'default'`,
  },
  {
    ...{ of: "keys", key: "name" },
    row: `insert into ssh_key (id, project_id, name, public_key, fingerprint, created_at)
      select gen_random_uuid(), id, 'list-' || $1, 'ssh-ed25519 A', 'SHA256:A', now() from project where name = 'default'`,
  },
  {
    ...{ of: "events", query: "&all=true", key: "id" },
    row: `insert into scheduled_event (id, instance_id, code, says, not_before, state, host_id, generation, reboots, ended_at, created_at)
      select gen_random_uuid(), i.id, 'instance-stop', $1, now(), 'completed', h.id, 1, 0, now(), now()
      from instance i, project p, host h where i.project_id = p.id and p.name = 'default' and h.name = 'host-1' order by i.id limit 1`,
  },
  {
    ...{ of: "migrations", key: "id", isYoungestFirst: true },
    row: `insert into migration (id, instance_id, state, from_host, from_epoch, from_generation, to_host, to_epoch, to_generation,
        terms, why, actor, started_at, ended_at)
      select gen_random_uuid(), i.id, 'done', h.id, 1, 1, h.id, 1, 2, '{"mayPostcopy":false}', $1, 'test', now(), now()
      from instance i, project p, host h where i.project_id = p.id and p.name = 'default' and h.name = 'host-1' order by i.id limit 1`,
  },
  {
    ...{ of: "projects", path: "/v1/projects", key: "name" },
    row: "insert into project (id, name) select gen_random_uuid(), 'list-' || $1",
  },
  {
    ...{ of: "organisations", path: "/v1/organisations", key: "name" },
    row: "insert into organisation (id, name) select gen_random_uuid(), 'list-' || $1",
  },
  {
    ...{ of: "accounts", path: "/v1/accounts", key: "name" },
    row: "insert into account (id, kind, name) select gen_random_uuid(), 'user', 'list-' || $1",
  },
  {
    ...{ of: "accounts", path: "/service-accounts", key: "name" },
    row: `insert into account (id, kind, name, project_id) select gen_random_uuid(), 'service', 'program-' || $1, id
      from project where name = 'default'`,
  },
  ...["/v1/members", "/members"].map((path, n) => ({
    ...{ of: "members", path, key: "account" },
    row: `with a as (insert into account (id, kind, name) select gen_random_uuid(), 'user', 'member-${n}-' || $1 returning id)
      insert into membership (account_id, role, granted_by, project_id)
      select a.id, 'viewer', 'test', ${n === 0 ? "null" : "p.id"} from a, project p where p.name = 'default'`,
  })),
  {
    ...{
      of: "maintenance",
      path: "/v1/maintenance",
      query: "&all=true",
      key: "id",
      isYoungestFirst: true,
    },
    row: `insert into maintenance (id, host_id, work, state, reason, starts_at, notice_seconds, since, created_at, created_by)
      select gen_random_uuid(), id, 'empty', 'ended', $1, now(), 0, now(), now(), 'test' from host where name = 'host-1'`,
  },
];

for (const one of others)
  test(`${one.of} come in pages, each once and in order, while more are made (SEED=${seed})`, async () => {
    let made = 0;
    const make = () => platform.database.query(one.row, [String(++made)]);
    while (made < 25) await make();
    const first = await pages(one, () => {});
    const seen = await pages(one, make);
    const keys = (all: readonly Item[]) => all.map((item) => String(item[one.key]));
    assert.equal(new Set(keys(seen)).size, seen.length, "one was shown twice");
    const sorted = keys(seen).sort();
    assert.deepEqual(keys(seen), one.isYoungestFirst ? sorted.reverse() : sorted);
    assert.deepEqual(
      keys(first).filter((key) => !keys(seen).includes(key)),
      [],
    );
    assert.ok(first.length >= 25);
  });

type Item = Readonly<Record<string, unknown>>;

/** The whole list, in pages of any size, with something done between them. */
async function pages(
  { of, path = `/${of}`, query = "" }: Other,
  meanwhile: () => unknown,
): Promise<readonly Item[]> {
  const where = path.startsWith("/v1/") ? path : `${at}${path}`;
  const items: Item[] = [];
  let next: string | null = null;
  do {
    const after: string = next ? `&after=${next}` : "";
    const { status, body } = await platform.call<Page & Record<string, Item[]>>(
      "GET",
      `${where}?limit=${1 + below(9)}${query}${after}`,
    );
    assert.equal(status, 200, JSON.stringify(body));
    items.push(...(body[of] ?? []));
    next = body.next;
    await meanwhile();
  } while (next);
  return items;
}

test("deaths and fence certificates come in pages, the youngest first", async () => {
  await platform.database.query(
    `with f as (insert into fence_certificate (id, host_id, epoch, proof, covers, silent_since, proven_at, manager, evidence, signature)
       select gen_random_uuid(), id, 1000 + n, 'attested', 'everything', now(), now(), 'test', '{}', '' from host, generate_series(1, 25) n
       where host.name = 'host-1' returning id)
     insert into death (instance_id, generation, host_id, host_epoch, at, recorded_at, cause, layer, confidence, certificate, evidence)
     select i.id, n, h.id, 1, date_trunc('milliseconds', now()), now(), 'guest-panic', 'application', 'certain',
       json_build_object('instance', i.id, 'generation', n, 'at', n, 'next', '', 'evidence', '{}'::text[], 'sought', '{}'::text[],
         'console', '{}'::text[], 'cause', 'guest-panic'), '{}'
     from (select i.id from instance i join project p on p.id = i.project_id where p.name = 'default' and i.state <> 'expunged'
       order by i.id limit 1) i, host h, generate_series(1, 25) n where h.name = 'host-1'`,
  );
  const [first] = await pages({ of: "instances", key: "id", row: "" }, () => {});
  const generations = (all: readonly Item[]) => all.map(({ generation }) => Number(generation));
  const down = Array.from({ length: 25 }, (_, n) => 25 - n);
  for (const path of ["/v1/deaths", `${at}/instances/${first?.id}/deaths`]) {
    const seen = await pages({ of: "deaths", path, key: "generation", row: "" }, () => {});
    assert.deepEqual(generations(seen), down);
  }
  const of = { of: "certificates", path: "/v1/fence-certificates", key: "id", row: "" };
  const ids = (await pages(of, () => {})).map(({ id }) => String(id));
  assert.deepEqual([ids.length, ids], [25, [...ids].sort().reverse()]);
});

test("hosts come in pages too, by name", async () => {
  await platform.database.query(
    `insert into host (id, name, cluster, state, mode) select gen_random_uuid(), 'spare-' || n, 'default', 'down', 'enabled'
     from generate_series(1, 25) n`,
  );
  const names: string[] = [];
  let next: string | null = null;
  do {
    const after: string = next ? `&after=${next}` : "";
    const { body } = await platform.call<Page & { hosts: { name: string }[] }>(
      "GET",
      `/v1/hosts?limit=10${after}`,
    );
    names.push(...body.hosts.map(({ name }) => name));
    next = body.next;
  } while (next);
  assert.equal(names.length, 26);
  assert.deepEqual(names, [...names].sort());
});

test("a cursor of another list, or none at all, is refused and not guessed at", async () => {
  const first = "/v1/projects/default/instances?limit=1";
  const { body } = await platform.call<Page>("GET", first);
  assert.ok(body.next);
  const wrong = [
    ...["nonsense", "0197a000-0000-7000-8000-000000000001", `${body.next}A`, body.next.slice(2)],
    Buffer.from("[]").toString("base64url"),
    Buffer.from('["hosts","host-1"]').toString("base64url"),
  ];
  for (const after of wrong) {
    const answer = await platform.call<{ code: string }>("GET", `${first}&after=${after}`);
    assert.deepEqual([answer.status, answer.body.code], [400, "cursor_not_valid"], after);
  }
  const other = await platform.call<{ code: string }>("GET", `/v1/hosts?after=${body.next}`);
  assert.equal(other.body.code, "cursor_not_valid");
});
