/**
 * A shared pool: simulated volumes that every host sees, and a real directory with their claims and the
 * stamps of the guards, written by the very code that writes them in production.
 *
 * It may hang for one host: nothing comes back, no error either, until it is let go. Then all of it does.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Storage } from "@holdfast/cloud/agent/edge";
import type { SimulatedStore } from "@holdfast/drivers/images/simulated";
import { poolStorage } from "../../../apps/agent/storage.ts";
import type { StampFolder } from "../../../apps/guard/pool-watch.ts";
import { stampFolder } from "../../../apps/guard/stamps.ts";

export const poolName = "shared";
const at = "/pools/shared";

export interface Pool {
  readonly directory: string;
  /** The files in it, by path. */
  readonly files: ReadonlyMap<string, Buffer>;
  /** How one host has it. */
  mount(host: string): Mount;
  close(): Promise<void>;
}

export interface Mount {
  /** The host's own disks and the pool, as one. */
  readonly disks: SimulatedStore;
  readonly isHung: boolean;
  hang(isHung: boolean): void;
  storage(ensureBlob: Storage["ensureBlob"]): Promise<Storage>;
  stamps(directory: string): StampFolder;
}

export async function newPool(): Promise<Pool> {
  const directory = await mkdtemp(join(tmpdir(), "hf-pool-"));
  const files = new Map<string, Buffer>();
  return {
    directory,
    files,
    mount: (host) => mount(host, directory, files),
    close: () => rm(directory, { recursive: true, force: true }),
  };
}

function mount(host: string, directory: string, shared: Map<string, Buffer>): Mount {
  let waiting: (() => void)[] | undefined;
  const answered = async () => {
    while (waiting) await new Promise<void>((resolve) => waiting?.push(resolve));
  };
  return {
    disks: { files: new MountedFiles(shared), capacity: 2 ** 40 },
    get isHung() {
      return waiting !== undefined;
    },
    hang(isHung) {
      const late = waiting ?? [];
      waiting = isHung ? (waiting ?? []) : undefined;
      if (!isHung) for (const go of late) go();
    },
    async storage(ensureBlob) {
      const real = await poolStorage({
        local: { volumes: directory, images: directory },
        pools: { [poolName]: directory },
        managers: [],
        membership: { certificate: "", key: "", authority: "" },
        host,
      });
      return {
        async ensureBlob(digest, pool) {
          if (pool === poolName) await answered();
          return ensureBlob(digest, pool);
        },
        volumeFile: (volume, pool) =>
          pool === poolName ? `${at}/volumes/${volume}.qcow2` : `/volumes/${volume}.qcow2`,
        async claim(...asked) {
          await answered();
          await real.claim(...asked);
        },
      };
    },
    stamps(asked) {
      const folder = stampFolder(asked);
      const once =
        <A extends unknown[], T>(act: (...given: A) => Promise<T>) =>
        async (...given: A) => {
          await answered();
          return act(...given);
        };
      return { write: once(folder.write), probe: once(folder.probe), read: once(folder.read) };
    },
  };
}

/** What is below /pools is the same for all. */
class MountedFiles extends Map<string, Buffer> {
  readonly #shared: Map<string, Buffer>;
  constructor(shared: Map<string, Buffer>) {
    super();
    this.#shared = shared;
  }
  override get = (path: string) => (isShared(path) ? this.#shared.get(path) : super.get(path));
  override has = (path: string) => (isShared(path) ? this.#shared.has(path) : super.has(path));
  override set(path: string, bytes: Buffer): this {
    if (isShared(path)) this.#shared.set(path, bytes);
    else super.set(path, bytes);
    return this;
  }
  override delete = (path: string) =>
    isShared(path) ? this.#shared.delete(path) : super.delete(path);
}

const isShared = (path: string) => path.startsWith("/pools/");
