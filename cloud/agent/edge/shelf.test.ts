/** What an agent keeps in files of its own. */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { Wish } from "@holdfast/cloud/hosts";
import {
  type ImageId,
  type InstanceId,
  type ProjectId,
  uuidV7,
  type VolumeId,
} from "@holdfast/kernel/ids";
import { opened } from "./keys.ts";
import { fileLoans } from "./loans.ts";
import { fileNotes, fileShelf } from "./shelf.ts";

const directory = await mkdtemp(join(tmpdir(), "hf-shelf-"));
after(() => rm(directory, { recursive: true }));

test("loans are those that were written last, also by another agent", async () => {
  const file = join(directory, "loans.jsonl");
  const mine = { id: uuidV7(3, new Uint8Array(16)) as InstanceId, generation: 1 }; // Its own maker's word.
  const volume = uuidV7(4, new Uint8Array(16)) as VolumeId; // The same.
  const lent = { ...mine, volumes: [{ volume, pool: "local", kind: "root" as const }] };
  const book = await fileLoans(file);
  for (const volumes of [lent.volumes, [], lent.volumes]) await book.save({ ...mine, volumes });
  await book.close();
  const next = await fileLoans(file);
  assert.deepEqual(await next.load(), [lent]);
  await next.save({ ...mine, volumes: [] });
  await next.close();
  assert.equal(await readFile(file, "utf8"), "");
});

test("of two that are saved at the same moment the later one stays", async () => {
  const file = join(directory, "order.jsonl");
  const shelf = await fileNotes(file);
  const guest = uuidV7(1, new Uint8Array(16)) as InstanceId; // Its own maker's word.
  const notes = (name: string) => ({
    ...{ instance: guest, groups: [], events: [] },
    publicKeys: [{ name, key: "ssh-ed25519 AAAA" }],
  });
  const later = [notes("later")];
  await Promise.all([shelf.save(Array(20_000).fill(notes("earlier"))), shelf.save(later)]);
  await shelf.close();
  const next = await fileNotes(file);
  assert.deepEqual(await next.load(), later);
  await next.close();
});

test("no key of an encrypted disk is in any file", async () => {
  const key = "a-key-of-256-bits-that-nobody-else-has-thought-of";
  const mint = <Id>(byte: number) => uuidV7(2, new Uint8Array(16).fill(byte)) as Id; // Its own maker's word.
  const [volume, plain] = [mint<VolumeId>(1), mint<VolumeId>(2)];
  const disk = { pool: "local", bytes: 4_096, limits: null } as const;
  const wish: Wish = {
    ...{ instance: mint<InstanceId>(3), version: 1, epoch: 1, generation: 1, want: "running" },
    ...{ wasRunning: false, reboots: 0, rebootGrace: 0, requestId: "r" },
    ladder: { acpi: 0, terminate: 100, kill: 100 },
    spec: {
      ...{ name: "web", project: mint<ProjectId>(4), type: "tiny", imageId: mint<ImageId>(5) },
      ...{ cpus: 1, memoryMiB: 128, nics: [], userData: null, lastDeath: null },
      disks: [
        { ...disk, volume, kind: "root", origin: "image", key },
        { ...disk, volume: plain, kind: "data", origin: "blank" },
      ],
      image: {
        disk: { digest: `sha256:${"0".repeat(64)}`, format: "raw", virtualBytes: 4_096 },
        ...{ saysReady: false, smallestMemoryMiB: 64 },
      },
      ...{ metadata: "on", metadataTokens: "optional", startPaused: false, bootTimeout: 10_000 },
    },
  };
  const file = join(directory, "wishes.jsonl");
  const shelf = await fileShelf(file);
  await shelf.save({ wish, reboots: 2 });
  await shelf.close();
  assert.ok(!(await readFile(file, "utf8")).includes(key));
  const next = await fileShelf(file);
  const [held] = await next.load();
  await next.close();
  assert.ok(held);
  assert.equal(held.reboots, 2);
  const [root, data] = held.wish.spec?.disks ?? [];
  assert.throws(() => opened(root?.key ?? ""), { code: "volume_key_missing" });
  assert.equal(data?.key, undefined);
});
