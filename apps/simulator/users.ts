/**
 * The users of a simulated cloud: each wish is one request, which is repeated with its key until there is an answer.
 *
 * They look at nothing before they ask, so much of what they want is refused. What must never come is no answer at
 * all, a bug, or the word that a key has been used for something else: each of theirs is for one wish.
 */

import type { Answer, ApiCall } from "./keep.ts";
import type { Item } from "./plan.ts";
import { sleepFor } from "./time.ts";
import type { World } from "./world.ts";

export interface Users {
  wish(item: Item): Promise<void>;
  /** Once, whatever is in the way. */
  ask(request: ApiCall): Promise<Answer>;
  /** Requests that wait for their answers. */
  waiting(): number;
  readonly counts: { asked: number; accepted: number; refused: number };
}

const project = "/v1/projects/default";
const patience = 5_000;
const mostTries = 400;

export function newUsers(world: World): Users {
  const { story, managers, sites } = world;
  const names: string[] = [];
  const volumes: string[] = [];
  const networks: string[] = [];
  const counts = { asked: 0, accepted: 0, refused: 0 };
  let keys = 0;
  let snapshots = 0;
  let waiting = 0;

  return { wish, ask, waiting: () => waiting, counts };

  async function wish(item: Item): Promise<void> {
    const request = requestOf(item);
    if (!request) return;
    const { method, path, body } = request;
    const about = `${method} ${path.replace(project, "")} ${body ? JSON.stringify(body) : ""}`;
    story.tell("user", about);
    counts.asked++;
    const answer = await ask(request);
    const isTaken = answer.status < 300;
    if (isTaken) counts.accepted++;
    else counts.refused++;
    const code = (answer.body as { code?: string } | undefined)?.code;
    story.tell("user", `${about} → ${answer.status} ${isTaken ? "" : code}`);
    if (code === "idempotency_key_reused") story.accuse(`its own key is refused: ${about}`);
  }

  async function ask(request: ApiCall): Promise<Answer> {
    const key = request.method === "POST" ? `key-${++keys}` : undefined;
    waiting++;
    try {
      for (let attempt = 0; attempt < mostTries; attempt++) {
        const manager = managers[(attempt + keys) % managers.length];
        const answer = await Promise.race([
          manager?.call({ ...request, ...(key ? { key } : {}) }).catch(() => undefined),
          sleepFor(patience),
        ]);
        if (answer && answer.status !== 503) return answer;
        await sleepFor(200);
      }
    } finally {
      waiting--;
    }
    story.accuse(`nobody answers: ${request.method} ${request.path}`);
    return { status: 0, body: undefined };
  }

  function requestOf(item: Item): ApiCall | undefined {
    const { on, other, how } = item;
    const name = names[on % names.length];
    const volume = volumes[other % volumes.length];
    const host = sites[other % sites.length]?.station.name;
    const post = (path: string, body: unknown = {}): ApiCall => ({
      ...{ method: "POST", path: `${project}${path}`, body },
    });
    const order = (verb: string, body: unknown = {}) =>
      name === undefined ? undefined : post(`/instances/${name}/${verb}`, body);
    switch (item.do) {
      case "create":
        return create(how, on);
      case "start":
      case "destroy":
      case "recover":
      case "expunge":
        return order(item.do);
      case "stop":
      case "reboot":
        return order(item.do, { force: how === "force" });
      case "migrate":
        return order("migrate", on % 2 ? { host } : {});
      case "cancel":
        return order("stop", { force: true });
      case "snapshot":
        return name === undefined
          ? undefined
          : post("/snapshots", { volume: `${name}.root`, name: `s-${++snapshots}` });
      case "make-volume":
        volumes.push(`v-${volumes.length + 1}`);
        return post("/volumes", { name: volumes.at(-1), sizeGiB: 1, pool: how });
      case "attach":
        return volume && name ? post(`/volumes/${volume}/attach`, { instance: name }) : undefined;
      case "detach":
        return volume ? post(`/volumes/${volume}/detach`) : undefined;
      case "make-network":
        networks.push(`n-${networks.length + 1}`);
        return post("/networks", { name: networks.at(-1) });
      case "maintain":
        return {
          ...{ method: "PUT", path: `/v1/hosts/${host}/maintenance` },
          body: { noticeSeconds: 1, reason: "simulated" },
        };
      case "set":
        return { method: "PUT", path: "/v1/settings/placement.planner", body: { value: how } };
      default:
        return undefined;
    }
  }

  function create(how: string, on: number): ApiCall {
    const name = `i-${names.length + 1}`;
    const count = how === "three" ? 3 : 1;
    if (count === 1) names.push(name);
    else for (let index = 1; index <= count; index++) names.push(`${name}-${index}`);
    const network = networks[on % networks.length];
    return {
      method: "POST",
      path: `${project}/instances`,
      body: {
        ...{ name, count },
        ...(how === "local" ? { pool: "local" } : {}),
        ...(how === "apart" ? { antiAffinityGroup: "apart" } : {}),
        ...(how === "volume" ? { volumes: [{ sizeGiB: 1 }] } : {}),
        ...(network && on % 3 === 0 ? { networks: [network] } : {}),
      },
    };
  }
}
