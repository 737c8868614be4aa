/** The power controllers of hosts, as rows. What they are spoken to with is a driver's business. */
import type { HostId } from "@holdfast/kernel/ids";
import type { Sql } from "@holdfast/store/database";

/** What is asked of one. Each call has its own deadline and rejects when it is over. */
export interface PowerController {
  readPower(): Promise<"on" | "off">;
  /** Resolves when it has been read back as off; one that is off already is off. */
  /** `isWanted` is asked before each order: once it is not, this resolves whatever the power is. */
  powerOff(isWanted: () => Promise<boolean>): Promise<void>;
  powerOn(): Promise<void>;
}

export async function setBmc(
  sql: Sql,
  host: HostId,
  { url, user, password }: { url: string; user: string; password: string },
): Promise<void> {
  await sql.query(
    `insert into host_bmc (host_id, url, username, password) values ($1, $2, $3, $4)
     on conflict (host_id) do update set url = excluded.url, username = excluded.username,
       password = excluded.password, said = null, said_at = null`,
    [host, url, user, password],
  );
}

export async function removeBmc(sql: Sql, host: HostId): Promise<boolean> {
  const rows = await sql.query("delete from host_bmc where host_id = $1 returning host_id", [host]);
  return rows.length > 0;
}

/** Its last word, for people. */
export async function noteBmc(sql: Sql, host: HostId, said: string): Promise<void> {
  await sql.query("update host_bmc set said = $2, said_at = now() where host_id = $1", [
    host,
    said.slice(0, 300),
  ]);
}
