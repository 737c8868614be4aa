/** The journal as a stream: each event once, whoever wrote it, whoever is asked, and whatever is killed meanwhile. */
import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { project } from "./clients.ts";
import { type Cluster, startCluster } from "./cluster.ts";
import { until } from "./platform.ts";

interface Page {
  readonly events: readonly {
    readonly seq: number;
    readonly kind: string;
    readonly event: string;
  }[];
  readonly next: string;
}

let cluster: Cluster;
before(async () => {
  cluster = await startCluster({ managers: 2, hosts: 2 });
});
after(() => cluster.close());
afterEach(() => assert.deepEqual(cluster.watch.violations, []));

const inJournal = async () =>
  (await cluster.database.query<{ seq: number }>("select seq from journal order by xact, seq")).map(
    ({ seq }) => seq,
  );

/** Reads on until it has seen this event of the journal, at any manager that answers, and says what it saw. */
async function follow(path: string, isOver: (seen: readonly number[]) => Promise<boolean>) {
  const seen: number[] = [];
  let next: string | undefined;
  while (!(await isOver(seen))) {
    const query = `limit=7&waitSeconds=1${next ? `&after=${next}` : ""}`;
    const { status, body } = await cluster.call<Page>("GET", `${path}?${query}`);
    assert.equal(status, 200, JSON.stringify(body));
    seen.push(...body.events.map(({ seq }) => seq));
    next = body.next;
  }
  return seen;
}

test("a reader that goes from manager to manager while both are killed sees every event once, in order", async () => {
  let isWritten = false;
  const writing = (async () => {
    for (let round = 0; round < 4; round++) {
      const asked = { name: `wave-${round}`, count: 5 };
      const key = { "idempotency-key": `wave-${round}` }; // A manager may be killed between doing and saying so.
      const { status } = await cluster.call("POST", `${project}/instances`, asked, key);
      assert.equal(status, 202);
      cluster.managers[round % 2]?.kill();
    }
    await until(
      "all run, and nothing is left to do",
      async () => {
        const rows = await cluster.database.query("select from instance where state = 'running'");
        return rows.length === 20 && (await cluster.unsettled()).length === 0;
      },
      120_000,
    );
    isWritten = true;
  })();
  const seen = await follow("/v1/journal", async (seqs) => {
    if (!isWritten) return false;
    return (await inJournal()).length <= seqs.length;
  });
  await writing;
  assert.deepEqual(seen, await inJournal());
});

test("an entry whose transaction ends later than that of a later entry is neither missed nor told twice", async () => {
  const insert = (sql: { query(text: string): Promise<unknown> }, event: string) =>
    sql.query(
      `insert into journal (at, kind, subject, event, actor) values (now(), 'setting', gen_random_uuid(), '${event}', 'test')`,
    );
  const { body: from } = await cluster.call<Page>("GET", "/v1/journal?from=now");
  await cluster.database.transaction(async (sql) => {
    await insert(sql, "first");
    await insert(cluster.database, "second"); // In a transaction of its own, which ends before this one.
    const { body } = await cluster.call<Page>("GET", `/v1/journal?after=${from.next}`);
    assert.ok(
      !body.events.some(({ event }) => event === "second"),
      "it was shown before the first",
    );
  });
  const names: string[] = [];
  let { next } = from;
  await until("both are told", async () => {
    const { body } = await cluster.call<Page>("GET", `/v1/journal?after=${next}&waitSeconds=5`);
    names.push(...body.events.filter(({ kind }) => kind === "setting").map(({ event }) => event));
    next = body.next;
    return names.length >= 2;
  });
  assert.deepEqual(names, ["first", "second"]);
});

test("a project sees its own events only, and its cursors are good for nothing else", async () => {
  await cluster.call("POST", "/v1/projects", { name: "quiet" });
  const own = "/v1/projects/quiet/journal";
  const { body: start } = await cluster.call<Page>("GET", `${own}?from=now`);
  await cluster.call("POST", `${project}/instances`, { name: "loud", count: 3 });
  await cluster.call("POST", "/v1/projects/quiet/networks", { name: "blue", cidr: "10.9.0.0/24" });
  const events: string[] = [];
  let { next } = start;
  await until("the network is told", async () => {
    const { body } = await cluster.call<Page>("GET", `${own}?after=${next}&waitSeconds=5`);
    events.push(...body.events.map(({ kind, event }) => `${kind} ${event}`));
    next = body.next;
    return events.length > 0;
  });
  assert.deepEqual(events, ["network created"]);
  for (const path of ["/v1/journal", `${project}/journal`, `${project}/instances`, "/v1/hosts"]) {
    const { status, body } = await cluster.call<{ code: string }>("GET", `${path}?after=${next}`);
    assert.deepEqual([status, body.code], [400, "cursor_not_valid"], path);
  }
});
