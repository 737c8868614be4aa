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
