/** Talks to the agent in a guest that goes wrong: answers late, answers somebody else, or refuses. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { milliseconds, minutes } from "@holdfast/kernel/time";
import { freezeGuest, pingGuestAgent, thawGuest } from "./guest-agent.ts";

type Say = (text: string) => void;

/** A guest whose agent repeats numbers, and answers other commands as `react` says. */
async function guest(t: TestContext, react: (command: string, say: Say) => void, before = "") {
  const directory = mkdtempSync(join(tmpdir(), "hf-ga-"));
  const path = join(directory, "agent.sock");
  const heard: string[] = [];
  const server = createServer((socket) => {
    let text = before;
    const say: Say = (words) => void socket.write(words);
    socket.setEncoding("latin1").on("data", (data: string) => {
      for (const line of data.replaceAll("\u00ff", "").split("\n").filter(Boolean)) {
        const { execute, arguments: about } = JSON.parse(line);
        heard.push(execute);
        if (execute === "guest-sync-delimited") say(`${text}\u00ff{"return": ${about.id}}\n`);
        else react(execute, say);
        text = "";
      }
    });
    socket.on("error", () => {});
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  t.after(() => {
    server.close();
    rmSync(directory, { recursive: true });
  });
  return { path, heard };
}

test("a guest's file systems are held still and let go, and what it said before counts for nothing", async (t) => {
  const old = '{"return": {"version": "old"}}\n{"error": {"class": "GenericError"}}\n';
  const { path, heard } = await guest(t, (_, say) => say('{"return": 2}\n'), old);
  assert.equal(await freezeGuest(path, minutes(1)), "frozen");
  await thawGuest(path);
  assert.deepEqual(
    heard.filter((each) => each !== "guest-sync-delimited"),
    ["guest-fsfreeze-freeze", "guest-fsfreeze-thaw"],
  );
});

test("an answer in pieces is one answer", async (t) => {
  const { path } = await guest(t, (_, say) => {
    say('{"ret');
    setImmediate(() => say('urn": 1}\n'));
  });
  assert.equal(await freezeGuest(path, minutes(1)), "frozen");
});

test("a guest agent that may not freeze has frozen nothing, and one that stays silent may have", async (t) => {
  const refuses = await guest(t, (_, say) => say('{"error": {"class": "CommandNotFound"}}\n'));
  assert.equal(await freezeGuest(refuses.path, minutes(1)), "not-asked");
  await assert.rejects(thawGuest(refuses.path));
  const silent = await guest(t, () => {});
  assert.equal(await freezeGuest(silent.path, milliseconds(100)), "unknown");
  assert.equal(await pingGuestAgent(silent.path, 7, minutes(1)), true);
});

test("where there is no guest agent nobody was asked", async () => {
  assert.equal(await freezeGuest("/nowhere/agent.sock", minutes(1)), "not-asked");
  await assert.rejects(thawGuest("/nowhere/agent.sock"));
});
