/**
 * What EC2's way of asking costs beside ours: RunInstances and DescribeInstances through both doors of the same manager,
 * in turns, with the same instances behind them. Hosts are simulated, PostgreSQL is durable.
 * Usage: node --import tsx bench/ec2.ts [--runs 300] [--pages 200] [--at-once 8] [--filled 3000]
 *
 * Pages are read of a project with `filled` instances more than were run by one's self.
 * Signing is the client's work and is done here; checking the signature is the manager's and is counted.
 */
import { Agent, request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { readToken } from "@holdfast/cloud/access/edge";
import { actionForm, signedPost } from "../test/ec2/signing.ts";
import { deliver } from "./figures.ts";
import { cpuOf, cpuOfFamily, loadNow, median, percentile } from "./measure.ts";
import { caller, endAll, startHosts, startPlatform, token } from "./processes.ts";

const { values: options } = parseArgs({
  options: {
    runs: { type: "string", default: "300" },
    pages: { type: "string", default: "200" },
    "at-once": { type: "string", default: "8" },
    filled: { type: "string", default: "3000" },
  },
});
const [runs, pages] = [Number(options.runs), Number(options.pages)];
const [atOnce, filled] = [Number(options["at-once"]), Number(options.filled)];
const rounds = 5;
type Way = "native" | "EC2";

interface Taken {
  readonly wall: number[];
  seconds: number;
  /** Milliseconds of processor time. */
  manager: number;
  server: number;
}
const none = (): Taken => ({ wall: [], seconds: 0, manager: 0, server: 0 });

try {
  const { server, manager } = await startPlatform();
  await startHosts(manager, 1, 10);
  const call = caller(manager.apiPort);
  const ec2 = signer(manager.ec2Port);
  const used = () => ({ manager: cpuOf(manager.pid), server: cpuOfFamily(server.pid) });

  const { images } = await call<{ images: { id: string }[] }>("GET", "/v1/projects/default/images");
  const image = `ami-${(images[0]?.id ?? "").replaceAll("-", "").slice(-17)}`;
  await ec2("DescribeVpcs"); // What every project has is made.
  const run: Record<Way, () => Promise<unknown>> = {
    native: () =>
      call("POST", "/v1/projects/default/instances", {
        type: "tiny",
        image: "tiny",
        groups: ["default"],
      }),
    EC2: () =>
      ec2("RunInstances", { ImageId: image, InstanceType: "tiny", MinCount: "1", MaxCount: "1" }),
  };
  const page: Record<Way, () => Promise<unknown>> = {
    native: () => call("GET", "/v1/projects/default/instances?limit=100"),
    EC2: () => ec2("DescribeInstances", { MaxResults: "100" }),
  };

  const whole: Record<Way, () => Promise<unknown>> = {
    async native() {
      let after = "";
      do {
        const path = `/v1/projects/default/instances?limit=1000${after && `&after=${after}`}`;
        after = (await call<{ next: string | null }>("GET", path)).next ?? "";
      } while (after !== "");
    },
    async EC2() {
      let NextToken: string | undefined;
      do {
        const xml = await ec2("DescribeInstances", NextToken === undefined ? {} : { NextToken });
        NextToken = /<nextToken>([^<]+)</.exec(xml)?.[1];
      } while (NextToken !== undefined);
    },
  };

  const made: Record<Way, Taken> = { native: none(), EC2: none() };
  const listed: Record<Way, Taken> = { native: none(), EC2: none() };
  for (const way of ["native", "EC2"] as const) await measure(run[way], 10, none());
  for (let round = 0; round < rounds; round++)
    for (const way of ["native", "EC2"] as const)
      await measure(run[way], Math.ceil(runs / rounds), made[way]);
  const all: Record<Way, Taken> = { native: none(), EC2: none() };
  for (let left = filled; left > 0; left -= 1_000)
    await call("POST", "/v1/projects/default/instances", {
      ...{ type: "tiny", image: "tiny", groups: ["default"], count: Math.min(left, 1_000) },
    });
  await settled();
  for (const way of ["native", "EC2"] as const) await measure(page[way], 10, none());
  for (let round = 0; round < rounds; round++)
    for (const way of ["native", "EC2"] as const)
      await measure(page[way], Math.ceil(pages / rounds), listed[way]);
  for (const way of ["native", "EC2"] as const) await measure(whole[way], 2, none());
  for (let round = 0; round < rounds; round++)
    for (const way of ["native", "EC2"] as const) await measure(whole[way], 2, all[way]);

  const figuresOf = (name: string, what: string, taken: Record<Way, Taken>, must: number) => {
    const each = (way: Way) =>
      ((taken[way].manager + taken[way].server) / taken[way].wall.length) * 1_000;
    const rate = (way: Way) => taken[way].wall.length / taken[way].seconds;
    const last = (way: Way) =>
      percentile(
        taken[way].wall.sort((a, b) => a - b),
        0.99,
      );
    const sides = (of: (way: Way) => number, unit: string) =>
      [
        { name: "EC2", value: of("EC2"), unit },
        { name: "native", value: of("native"), unit },
      ] as const;
    return [
      {
        name: `${name}, CPU each`,
        what: `processor time of manager and PostgreSQL: ${what}`,
        sides: sides(each, "us"),
        goal: { of: "ratio", must } as const,
      },
      {
        name: `${name}, rate`,
        what: `${atOnce} at the same time: ${what}`,
        sides: sides(rate, "/s"),
      },
      {
        name: `${name}, 99 %`,
        what: `the slowest but one of a hundred: ${what}`,
        sides: sides(last, "ms"),
      },
    ];
  };
  deliver({
    bench: "ec2",
    what: "EC2's API beside ours",
    figures: [
      ...figuresOf(
        "RunInstances",
        "one instance a request, into the default network and group",
        made,
        2,
      ),
      ...figuresOf("DescribeInstances", `a page of a hundred, of ${filled} and more`, listed, 1.5),
      ...figuresOf("DescribeInstances of all", `${filled} and more, a thousand a page`, all, 1.5),
    ],
    notes: [
      `medians: run ${median(made.EC2.wall).toFixed(1)} ms beside ${median(made.native.wall).toFixed(1)} ms, page ${median(listed.EC2.wall).toFixed(1)} ms beside ${median(listed.native.wall).toFixed(1)} ms`,
      ...Object.entries({ RunInstances: made, "a page": listed, all }).map(
        ([what, taken]) =>
          `of the processor time of ${what} PostgreSQL had ${share(taken.EC2)} by EC2 and ${share(taken.native)} natively`,
      ),
      `load ${loadNow()} at the end`,
    ],
  });

  /** Whatever was begun has ended: it would be measured with what comes next. */
  async function settled(): Promise<void> {
    type Jobs = { readonly jobs: readonly { readonly state: string }[] };
    while ((await call<Jobs>("GET", "/v1/projects/default/jobs?state=running")).jobs.length > 0)
      await sleep(200);
  }

  async function measure(ask: () => Promise<unknown>, count: number, into: Taken): Promise<void> {
    let left = count;
    const [began, before] = [performance.now(), used()];
    const worker = async () => {
      while (left-- > 0) {
        const start = performance.now();
        await ask();
        into.wall.push(performance.now() - start);
      }
    };
    await Promise.all(Array.from({ length: atOnce }, worker));
    into.seconds += (performance.now() - began) / 1_000;
    const after = used();
    into.manager += after.manager - before.manager;
    into.server += after.server - before.server;
  }
} finally {
  await endAll();
}

function share({ manager, server }: Taken): string {
  return `${Math.round((server / (manager + server)) * 100)} %`;
}

/** As an SDK does it: connections that stay open, and each request signed. */
function signer(port: number) {
  const { id = "", secret = "" } = readToken(token) ?? {};
  const agent = new Agent({ keepAlive: true, maxSockets: atOnce });
  const host = `127.0.0.1:${port}`;
  return (action: string, fields: Readonly<Record<string, string>> = {}): Promise<string> => {
    const body = actionForm(action, Object.entries(fields));
    const headers = {
      ...signedPost({ id, secret, region: "bench-1", host, body }),
      "content-length": Buffer.byteLength(body),
    };
    return new Promise((resolve, reject) => {
      const sending = request(
        { port, host: "127.0.0.1", method: "POST", path: "/", headers, agent },
        (reply) => {
          let xml = "";
          reply.setEncoding("utf8");
          reply.on("data", (chunk: string) => {
            xml += chunk;
          });
          reply.on("end", () => (reply.statusCode === 200 ? resolve(xml) : reject(new Error(xml))));
        },
      );
      sending.on("error", reject);
      sending.end(body);
    });
  };
}
