/**
 * Backups that nobody has to ask for: those that are due are begun, those that need not be kept any longer go.
 *
 * Called in the round, of which there is one at a time; a slot of a schedule that has its backup cannot have
 * another, whatever becomes of the manager that began it.
 */
import type { BackupId, MintId, ProjectId, VolumeId } from "@holdfast/kernel/ids";
import { type Instant, iso } from "@holdfast/kernel/time";
import type { Sql } from "@holdfast/store/database";
import { judge } from "../core/activities.ts";
import { expendable, nextAfter } from "../core/retention.ts";
import { beginRemoval, insertBackup } from "./backups.ts";
import { activitiesOf, holdVolumeById } from "./lookup.ts";

interface DueRow {
  readonly volume: VolumeId;
  readonly project: ProjectId;
  readonly everyMinutes: number;
  readonly nextAt: Instant;
}

/** Those begun at once; the next second is another round. */
const atOnce = 20;

/** Returns how many were begun. */
export async function beginDue(sql: Sql, mintId: MintId, now: Instant): Promise<number> {
  const due = await sql.query<DueRow>(
    `select s.volume_id as volume, v.project_id as project, s.every_minutes as "everyMinutes", s.next_at as "nextAt"
     from backup_schedule s join volume v on v.id = s.volume_id
     where s.next_at <= $1 and v.state = 'ready' order by s.next_at limit ${atOnce}`,
    [iso(now)],
  );
  let begun = 0;
  for (const { volume: id, project, everyMinutes, nextAt } of due) {
    const volume = await holdVolumeById(sql, id, id);
    const next = nextAfter(nextAt, everyMinutes, now);
    await sql.query("update backup_schedule set next_at = $2 where volume_id = $1", [
      id,
      iso(next),
    ]);
    // While something forbids it the slot is left out: its successor takes in what it would have.
    const underWay = activitiesOf(volume).map(({ activity }) => activity);
    if (["refuse", "impossible"].includes(judge("backup", underWay))) continue;
    await insertBackup(
      sql,
      volume,
      { id: mintId<"Backup">(), project, isFull: false, dueAt: nextAt },
      { now, actor: "schedule" },
    );
    begun++;
  }
  return begun;
}

/** Of volumes that have a schedule, and of its own backups only. Returns how many are on their way out. */
export async function thinOut(sql: Sql, now: Instant): Promise<number> {
  const rows = await sql.query<{
    volume: VolumeId;
    hourly: number;
    daily: number;
    weekly: number;
    backups: { id: BackupId; at: number; liesIn: VolumeId }[];
  }>(
    `select s.volume_id as volume, s.keep_hourly as hourly, s.keep_daily as daily, s.keep_weekly as weekly, b.backups
     from backup_schedule s join lateral (
       select json_agg(json_build_object('id', b.id, 'at', (extract(epoch from b.due_at) * 1000)::bigint, 'liesIn', b.lies_in)) as backups,
         count(*) as count
       from backup b where b.volume_id = s.volume_id and b.due_at is not null and b.state = 'ready') b on b.count > 1
     -- What a backup under way builds on, or a restore reads, is left alone until that is over.
     where not exists (select from storage_task t where t.volume_id = s.volume_id and t.backup_id is not null)`,
  );
  let count = 0;
  for (const { volume, backups, ...keep } of rows) {
    const gone = new Set(
      expendable(
        backups.map(({ id, at }) => ({ id, at: at as Instant })), // Milliseconds, as the database says.
        keep,
      ),
    );
    const leaving = backups.filter(({ id }) => gone.has(id)).map((one) => ({ ...one, volume }));
    if (leaving.length > 0) await beginRemoval(sql, leaving, { now, actor: "schedule" });
    count += leaving.length;
  }
  return count;
}
