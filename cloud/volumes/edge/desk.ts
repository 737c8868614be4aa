/**
 * What the answers to ../api.ts have in common: how something is changed, and how it is told.
 *
 * Every change is one transaction with its rows in the journal and the news of it; only after the commit is this
 * manager's own look at the volumes asked for, because before it there is nothing to see.
 */
import { beginCapture, findImageView } from "@holdfast/cloud/images/edge";
import type { Settings } from "@holdfast/cloud/settings";
import type {
  HostId,
  ImageId,
  InstanceId,
  MintId,
  ProjectId,
  VolumeId,
} from "@holdfast/kernel/ids";
import type { Caller } from "@holdfast/kernel/route";
import type { Clock } from "@holdfast/kernel/time";
import { type Database, type Sql, unlessTaken } from "@holdfast/store/database";
import { appendJournal, type JournalRow } from "@holdfast/store/journal";
import { announce } from "@holdfast/store/news";
import { encryptsAll, mustOpen, type NewKey, type VolumeKeys } from "./keys.ts";
import { nameTaken, type Rules } from "./refusals.ts";
import type { Asker } from "./tasks.ts";
import type { Changed } from "./volumes.ts";

export interface VolumeRouteDeps {
  readonly database: Database;
  readonly clock: Clock;
  readonly mintId: MintId;
  readonly self: string;
  readonly keys: VolumeKeys;
  readonly settings: () => Pick<
    Settings,
    | "volumes.default_pool"
    | "volumes.most"
    | "volumes.most_snapshots"
    | "volumes.most_disks"
    | "volumes.reserve"
    | "backups.place"
  >;
  /** Something of a volume has changed: look, and tell the hosts, those of newer wishes first. */
  readonly onChanged: (instances: readonly InstanceId[], hosts: readonly HostId[]) => void;
}

type Told = Omit<JournalRow, "at" | "actor" | "requestId" | "kind"> & Partial<JournalRow>;
interface Asked {
  readonly caller: Caller;
  readonly requestId: string;
}

/** What a change is given: where to write, for whom, and how to tell of it. */
export interface Desk {
  readonly sql: Sql;
  readonly asker: Asker;
  readonly tell: (row: Told, hosts?: readonly HostId[]) => void;
}

/** What is held of which an image is made, and how that begins. */
export interface Captured {
  readonly of: VolumeId;
  readonly liesIn: VolumeId;
  readonly source: string;
  readonly begin: (image: ImageId) => Promise<void>;
}

export interface Changes {
  /** Without a row there was nothing to change, and nothing is told. */
  change<T>(request: Asked, work: (desk: Desk) => Promise<T>): Promise<T>;
  /** An image of what is held: its row first, and then the task that fills it. */
  imageOf(
    request: Asked,
    project: ProjectId,
    name: string,
    hold: (desk: Desk) => Promise<Captured>,
  ): Promise<Omit<Awaited<ReturnType<typeof findImageView>>, "whose">>;
  /** For what is made anew: where it is asked for, and where the project wants it of everything. */
  newKey(sql: Sql, project: ProjectId, wantEncrypted: boolean): Promise<NewKey | undefined>;
  /** Before anything is begun that reads or writes what is in this volume. Rejects with `volume_key_missing`. */
  mustOpen(sql: Sql, volume: VolumeId): Promise<void>;
  rules(): Rules;
}

export function volumeChanges({
  database,
  clock,
  mintId,
  self,
  keys,
  settings,
  onChanged,
}: VolumeRouteDeps): Changes {
  const newKey = async (sql: Sql, project: ProjectId, wantEncrypted: boolean) =>
    wantEncrypted || (await encryptsAll(sql, project)) ? keys.make() : undefined;

  async function change<T>(
    { caller, requestId }: Asked,
    work: (desk: Desk) => Promise<T>,
  ): Promise<T> {
    const { reply, isChanged, hosts } = await database.transaction(async (sql) => {
      const rows: JournalRow[] = [];
      const hosts = new Set<HostId>();
      const now = clock.now();
      const common = { at: now, kind: "volume", actor: caller.name, requestId } as const;
      const reply = await work({
        sql,
        asker: { now, actor: caller.name, requestId },
        tell(row, newer = []) {
          rows.push({ ...common, ...row });
          for (const host of newer) hosts.add(host);
        },
      });
      await appendJournal(sql, rows);
      if (rows.length > 0)
        await announce(sql, {
          ...{ from: self, volumes: true },
          ...(hosts.size > 0 ? { wishes: [...hosts] } : {}),
        });
      return { reply, isChanged: rows.length > 0, hosts: [...hosts] };
    });
    if (isChanged) onChanged([], hosts);
    return reply;
  }

  function imageOf(
    request: Asked,
    project: ProjectId,
    name: string,
    hold: (desk: Desk) => Promise<Captured>,
  ) {
    const id = mintId<"Image">();
    const taken = () => nameTaken("an image", name, `holdfast images delete ${name}`);
    return unlessTaken("image_by_name", taken, () =>
      change(request, async (desk) => {
        const { sql, asker, tell } = desk;
        const { of, liesIn, source, begin } = await hold(desk);
        await mustOpen(sql, keys, liesIn);
        await beginCapture(sql, {
          id,
          project,
          name,
          volume: liesIn,
          createdAt: asker.now,
          source,
        });
        await begin(id);
        tell({ subject: of, event: "command-capture", detail: { image: id, name } });
        const { whose: _, ...view } = await findImageView(sql, project, id);
        return view;
      }),
    );
  }

  function rules(): Rules {
    const now = settings();
    return {
      reserve: now["volumes.reserve"],
      mostVolumes: now["volumes.most"],
      mostSnapshots: now["volumes.most_snapshots"],
      mostDisks: now["volumes.most_disks"],
      backupPlace: now["backups.place"],
    };
  }

  return { change, imageOf, newKey, mustOpen: (sql, volume) => mustOpen(sql, keys, volume), rules };
}

/** In the timeline of the volume, and of its instance: that is where people look for a disk that has gone. */
export function tellOf(
  done: Changed | undefined,
  verb: string,
  tell: Desk["tell"],
  more: Readonly<Record<string, unknown>> = {},
): void {
  if (!done) return;
  const { volume, instance, hosts } = done;
  const detail = { ...more, volume: volume.name };
  tell({ subject: volume.id, event: `command-${verb}`, detail }, hosts);
  if (!instance) return;
  const event = `volume${verb.slice(0, 1).toUpperCase()}${verb.slice(1)}`;
  tell({ kind: "instance", subject: instance, event, detail });
}

export const tagsIn = (
  { project }: { readonly project: ProjectId },
  { tags = {} }: { readonly tags?: Readonly<Record<string, string>> | undefined },
) => ({ project, tags });

export const volumeTaken = (name: string) => () =>
  nameTaken("a volume", name, `holdfast volumes delete ${name}`);

export const gib = 2 ** 30;
