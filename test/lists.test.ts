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

/** What else a project has, how one of each is made by its row, and how all are asked for. */
const others = [
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
] as const;

for (const one of others)
  test(`${one.of} come in pages, each once and in order, while more are made (SEED=${seed})`, async () => {
    let made = 0;
    const make = () => platform.database.query(one.row, [String(++made)]);
    while (made < 25) await make();
    const first = await pages(one.of, () => {});
    const seen = await pages(one.of, make);
    const keys = (all: readonly Item[]) => all.map((item) => String(item[one.key]));
    assert.equal(new Set(keys(seen)).size, seen.length, "one was shown twice");
    const sorted = keys(seen).sort();
    assert.deepEqual(keys(seen), "isYoungestFirst" in one ? sorted.reverse() : sorted);
    assert.deepEqual(
      keys(first).filter((key) => !keys(seen).includes(key)),
      [],
    );
    assert.ok(first.length >= 25);
  });

type Item = Readonly<Record<string, unknown>>;

/** The whole list, in pages of any size, with something done between them. */
async function pages(of: string, meanwhile: () => unknown): Promise<readonly Item[]> {
  const items: Item[] = [];
  let next: string | null = null;
  do {
    const after: string = next ? `&after=${next}` : "";
    const { status, body } = await platform.call<Page & Record<string, Item[]>>(
      "GET",
      `${at}/${of}?limit=${1 + below(9)}${after}`,
    );
    assert.equal(status, 200, JSON.stringify(body));
    items.push(...(body[of] ?? []));
    next = body.next;
    await meanwhile();
  } while (next);
  return items;
}

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
