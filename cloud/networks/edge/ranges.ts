/** The ranges that public addresses are taken from. For operators. */
import { problem } from "@holdfast/kernel/problem";
import { type Instant, iso } from "@holdfast/kernel/time";
import type { Sql } from "@holdfast/store/database";
import type { RangeView } from "../api.ts";
import { overlap, parseCidr, sizeOf } from "../core/cidr.ts";
import { rangeFault } from "../core/plan.ts";

type View = ReturnType<typeof RangeView.parse>;
type Row = Omit<View, "size">;

const select = `select r.cidr, r.created_at as "createdAt",
    (select count(*)::int from public_address a where a.address <<= r.cidr::inet) as taken
  from public_range r`;

export async function listRangeViews(sql: Sql): Promise<View[]> {
  const rows = await sql.query<Row>(`${select} order by r.created_at, r.cidr`);
  return rows.map(viewOf);
}

async function findRangeView(sql: Sql, cidr: string): Promise<View | undefined> {
  const [row] = await sql.query<Row>(`${select} where r.cidr = $1`, [cidr]);
  return row && viewOf(row);
}

const viewOf = (row: Row): View => ({ ...row, size: sizeOf(parsed(row.cidr)) });

function parsed(text: string) {
  const cidr = parseCidr(text);
  if (!cidr) throw new Error(`${text} is no range`);
  return cidr;
}

/** Rejects with `range_unusable` and `range_overlaps`. */
export async function insertRange(sql: Sql, text: string, now: Instant): Promise<View> {
  const cidr = parsed(text);
  const fault = rangeFault(cidr);
  if (fault)
    throw problem("invalid", "range_unusable", `${text} cannot be handed out: ${fault}.`, {
      fix: "Give a network that the hosts are reached by, from /16 to /32, such as 203.0.113.0/24",
      faults: [{ field: "body.cidr", reason: fault }],
    });
  // Two that overlap could otherwise come from two managers at once. Whoever takes addresses does not wait.
  await sql.query("lock table public_range in share row exclusive mode");
  const other = (await listRangeViews(sql)).find((one) => overlap(parsed(one.cidr), cidr));
  if (other)
    throw problem(
      "conflict",
      "range_overlaps",
      `${text} has addresses in common with the range ${other.cidr}.`,
      { fix: "See them: holdfast ranges" },
    );
  await sql.query("insert into public_range (cidr, created_at) values ($1, $2)", [text, iso(now)]);
  return { cidr: text, size: sizeOf(cidr), taken: 0, createdAt: now };
}

/** Returns it as it was. Rejects with `range_not_found` and `range_in_use`. */
export async function deleteRange(sql: Sql, cidr: string): Promise<View> {
  await sql.query("select from public_range where cidr = $1 for update", [cidr]);
  const view = await findRangeView(sql, cidr);
  if (!view)
    throw problem("not_found", "range_not_found", `There is no range ${cidr}.`, {
      fix: "See them: holdfast ranges",
    });
  if (view.taken > 0) throw await inUse(sql, view);
  await sql.query("delete from public_range where cidr = $1", [cidr]);
  return view;
}

async function inUse(sql: Sql, { cidr, taken }: View) {
  const holders = await sql.query<{ address: string; kind: string; project: string }>(
    `select host(a.address) as address, a.kind, p.name as project
     from public_address a join project p on p.id = a.project_id
     where a.address <<= $1::inet order by a.address limit 32`,
    [cidr],
  );
  const [first] = holders;
  return problem(
    "conflict",
    "range_in_use",
    `${taken} addresses of ${cidr} are in use, for example ${first?.address} by the project ${first?.project} (${first?.kind}).`,
    {
      fix: `Have them given back: holdfast --project ${first?.project} addresses`,
      facts: { taken, holders },
    },
  );
}
