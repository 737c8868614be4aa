/** What an agent keeps in files of its own. */
import assert from "node:assert/strict";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { type InstanceId, uuidV7 } from "@holdfast/kernel/ids";
import { fileNotes, filePicture, fileShelf } from "./shelf.ts";

const directory = await mkdtemp(join(tmpdir(), "hf-shelf-"));
after(() => rm(directory, { recursive: true }));

test("what an agent that was killed had half written is gone when the next one looks", async () => {
  const file = join(directory, "picture.json");
  await filePicture(file).save([]);
  await writeFile(`${file}.tmp`, "[{");
  await writeFile(join(directory, "0192.1.tmp"), "{");
  assert.deepEqual(await filePicture(file).load(), []);
  assert.deepEqual(await (await fileShelf(directory)).load(), []);
  assert.deepEqual(
    (await readdir(directory)).filter((name) => name.endsWith(".tmp")),
    [],
  );
});

test("of two that are saved at the same moment the later one stays", async () => {
  const file = join(directory, "order.json");
  const shelf = fileNotes(file);
  const guest = uuidV7(1, new Uint8Array(16)) as InstanceId; // Its own maker's word.
  const notes = (name: string) => ({
    ...{ instance: guest, groups: [], events: [] },
    publicKeys: [{ name, key: "ssh-ed25519 AAAA" }],
  });
  const later = [notes("later")];
  await Promise.all([shelf.save(Array(20_000).fill(notes("earlier"))), shelf.save(later)]);
  assert.deepEqual(await shelf.load(), later);
});
