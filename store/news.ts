/**
 * How managers tell each other that something has changed: LISTEN and NOTIFY on one channel.
 *
 * News is a hint, never a fact: it says where to look. It may be lost (a connection breaks) or come
 * twice, so everything that depends on it also looks by itself now and then. What one manager announces
 * to itself does not travel: it knows already.
 */
import pg from "pg";
import type { Sql } from "./database.ts";

export interface News {
  /** The manager that wrote it. */
  readonly from: string;
  /** Instances that are due for a look. */
  readonly instances?: readonly string[];
  /** Hosts whose wishes have changed. */
  readonly wishes?: readonly string[];
  /** Hosts whose capacity or state has changed. */
  readonly hosts?: readonly string[];
  readonly jobs?: readonly string[];
  /** Hosts whose certificates were revoked: cut them off. */
  readonly revoked?: readonly string[];
  readonly settings?: true;
  readonly images?: true;
  /** Networks, or what they are made of. */
  readonly networks?: true;
  /** Volumes, or what is to be done with them. */
  readonly volumes?: true;
  /** What is planned, or what guests are told. */
  readonly events?: true;
}

const channel = "holdfast";
/** PostgreSQL carries at most 8,000 bytes. What does not fit is left to the reader's next look. */
const longest = 7_900;

/** Part of a transaction: it is heard when, and only if, that commits. */
export async function announce(sql: Sql, news: News): Promise<void> {
  const text = JSON.stringify(news);
  const sent = text.length <= longest ? text : JSON.stringify(shortened(news));
  await sql.query("select pg_notify($1, $2)", [channel, sent]);
}

/** Too much to list: every list becomes empty, which readers take as "all of them". */
const shortened = (news: News): News => ({
  from: news.from,
  ...(news.instances ? { instances: [] } : {}),
  ...(news.wishes ? { wishes: [] } : {}),
  ...(news.hosts ? { hosts: [] } : {}),
  ...(news.jobs ? { jobs: [] } : {}),
  ...(news.settings ? { settings: true } : {}),
  ...(news.images ? { images: true } : {}),
  ...(news.networks ? { networks: true } : {}),
  ...(news.volumes ? { volumes: true } : {}),
  ...(news.events ? { events: true } : {}),
});

export interface Listener {
  close(): Promise<void>;
}

/**
 * Calls `onNews` for everything other managers announce, and `onReconnect` after each gap, when anything
 * may have been missed. Keeps trying for as long as it is open.
 */
export function listen(
  url: string,
  self: string,
  onNews: (news: News) => void,
  onReconnect: () => void,
): Listener {
  let client: pg.Client | undefined;
  let isOpen = true;
  let timer: NodeJS.Timeout | undefined;
  void connect();

  async function connect(): Promise<void> {
    const fresh = new pg.Client({ connectionString: url, keepAlive: true });
    client = fresh;
    fresh.on("error", () => {});
    fresh.on("end", () => later());
    fresh.on("notification", ({ payload }) => {
      const news = payload ? (JSON.parse(payload) as News) : undefined; // Only `announce` writes here.
      if (news && news.from !== self) onNews(news);
    });
    try {
      await fresh.connect();
      await fresh.query(`listen ${channel}`);
      onReconnect();
    } catch {
      await fresh.end().catch(() => {});
      later();
    }
  }

  function later(): void {
    if (!isOpen || timer) return;
    timer = setTimeout(() => {
      timer = undefined;
      if (isOpen) void connect();
    }, 200);
  }

  return {
    async close() {
      isOpen = false;
      clearTimeout(timer);
      await client?.end().catch(() => {});
    },
  };
}
