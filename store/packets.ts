/**
 * What is asked in one breath goes to one connection, in one packet.
 *
 * For statements that find a few rows by key. Each of them takes PostgreSQL less than to be sent and answered by itself, and as
 * many processes of it as there are questions would wake up for them. They are answered in the order of the asking, each for itself: none
 * is part of a transaction, and one that fails fails alone. What takes long has no place here, because it holds up those behind it: whoever
 * asks a real server gives it a limit.
 */
import type pg from "pg";

export interface PacketDeps {
  /** One that is free, or the first to become so. Whoever takes it listens to its errors until it is given back. */
  readonly take: (onError: (error: Error) => void) => Promise<pg.PoolClient>;
  /** Asks a connection, corked until the end of this breath. */
  readonly ask: (client: pg.PoolClient, text: string, values: Values) => Promise<readonly never[]>;
  /** Whether it should be asked again, of a connection that knows nothing. */
  readonly isStale: (error: unknown) => boolean;
  /** What to say to whoever would have been asked on a connection that is gone: from there no answer ever comes. */
  readonly lossOf: (error: Error) => Error;
}

type Values = readonly unknown[] | undefined;

interface Asked {
  readonly text: string;
  readonly values: Values;
  readonly resolve: (rows: readonly never[]) => void;
  readonly reject: (error: unknown) => void;
}

type Query = <Row extends object>(text: string, values?: Values) => Promise<readonly Row[]>;

export function inPackets({ take, ask, isStale, lossOf }: PacketDeps): Query {
  /** Those of this breath, and of all that follow until a connection is free. */
  const waiting: Asked[] = [];

  return (text, values) =>
    new Promise((resolve, reject) => {
      add({ text, values, resolve, reject });
    });

  function add(asked: Asked): void {
    waiting.push(asked);
    if (waiting.length === 1) void send();
  }

  async function send(): Promise<void> {
    let broken: Error | undefined;
    const onError = (error: Error) => {
      broken ??= error;
    };
    let inThisBreath: number | undefined;
    process.nextTick(() => {
      inThisBreath = waiting.length;
    });
    const client = await take(onError).catch((error: unknown) => {
      for (const { reject } of waiting.splice(0, inThisBreath ?? waiting.length)) reject(error);
    });
    // Who came later has not waited for as long: somebody else may have become free.
    if (!client) return waiting.length > 0 ? send() : undefined;
    await Promise.all(
      waiting.splice(0).map(async (asked) => {
        try {
          if (broken) throw lossOf(broken);
          asked.resolve(await ask(client, asked.text, asked.values));
        } catch (error) {
          if (!isStale(error)) return asked.reject(error);
          broken ??= error as Error; // All that it has prepared is as old.
          add(asked);
        }
      }),
    );
    client.off("error", onError);
    client.release(broken);
  }
}
