/**
 * What EC2's way of asking costs beside ours: RunInstances and DescribeInstances through both doors of the same manager,
 * in turns, with the same instances behind them. Hosts are simulated, PostgreSQL is durable.
 * Usage: node --import tsx bench/ec2.ts [--runs 300] [--pages 200] [--at-once 8]
 *
 * Signing is the client's work and is done here; checking the signature is the manager's and is counted.
 */
import { createHash, createHmac } from "node:crypto";
import { Agent, request } from "node:http";
import { parseArgs } from "node:util";
import { readToken } from "@holdfast/cloud/access/edge";
import { deliver } from "./figures.ts";
import { cpuOf, cpuOfFamily, loadNow, median, percentile } from "./measure.ts";
import {
  buildPrograms,
  caller,
  endAll,
  registerEmptyImage,
  scratch,
  startHosts,
  startManager,
  startServer,
  token,
} from "./processes.ts";

const { values: options } = parseArgs({
  options: {
    runs: { type: "string", default: "300" },
    pages: { type: "string", default: "200" },
    "at-once": { type: "string", default: "8" },
  },
});
const [runs, pages, atOnce] = [options.runs, options.pages, options["at-once"]].map(Number) as [
  number,
  number,
  number,
]; // Three of them.
const rounds = 5;
type Way = "native" | "EC2";

interface Taken {
  readonly wall: number[];
  seconds: number;
  cpu: number;
}
const none = (): Taken => ({ wall: [], seconds: 0, cpu: 0 });

try {
  console.log(`load ${loadNow()} at the beginning`);
  buildPrograms();
  const directory = await scratch();
  const server = await startServer(directory);
  const manager = await startManager(directory, server);
  await registerEmptyImage(directory, manager);
  await startHosts(manager, 1, 10);
  const call = caller(manager.apiPort);
  const ec2 = signer(manager.ec2Port);
  const used = () => cpuOf(manager.pid) + cpuOfFamily(server.pid);

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

  const made: Record<Way, Taken> = { native: none(), EC2: none() };
  const listed: Record<Way, Taken> = { native: none(), EC2: none() };
  for (const way of ["native", "EC2"] as const) await measure(run[way], 10, none());
  for (let round = 0; round < rounds; round++)
    for (const way of ["native", "EC2"] as const)
      await measure(run[way], Math.ceil(runs / rounds), made[way]);
  for (const way of ["native", "EC2"] as const) await measure(page[way], 10, none());
  for (let round = 0; round < rounds; round++)
    for (const way of ["native", "EC2"] as const)
      await measure(page[way], Math.ceil(pages / rounds), listed[way]);

  const figuresOf = (name: string, what: string, taken: Record<Way, Taken>, must: number) => {
    const each = (way: Way) => (taken[way].cpu / taken[way].wall.length) * 1_000;
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
      ...figuresOf("DescribeInstances", "a page of a hundred", listed, 1.5),
    ],
    notes: [
      `medians: run ${median(made.EC2.wall).toFixed(1)} ms beside ${median(made.native.wall).toFixed(1)} ms, page ${median(listed.EC2.wall).toFixed(1)} ms beside ${median(listed.native.wall).toFixed(1)} ms`,
      `load ${loadNow()} at the end`,
    ],
  });

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
    into.cpu += used() - before;
  }
} finally {
  await endAll();
}

/** As an SDK does it: connections that stay open, and each request signed. */
function signer(port: number) {
  const { id = "", secret = "" } = readToken(token) ?? {};
  const agent = new Agent({ keepAlive: true, maxSockets: atOnce });
  const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
  const hmac = (key: string | Buffer, text: string) =>
    createHmac("sha256", key).update(text).digest();
  return (action: string, fields: Readonly<Record<string, string>> = {}): Promise<string> => {
    const body = new URLSearchParams({
      Action: action,
      Version: "2016-11-15",
      ...fields,
    }).toString();
    const host = `127.0.0.1:${port}`;
    const date = new Date().toISOString().replace(/[-:]|\.\d{3}/g, "");
    const scope = [date.slice(0, 8), "bench-1", "ec2", "aws4_request"];
    const head = [
      "POST",
      "/",
      "",
      `host:${host}`,
      `x-amz-date:${date}`,
      "",
      "host;x-amz-date",
      sha256(body),
    ];
    const text = ["AWS4-HMAC-SHA256", date, scope.join("/"), sha256(head.join("\n"))].join("\n");
    const key = scope.reduce<string | Buffer>(hmac, `AWS4${secret}`);
    const headers = {
      host,
      "x-amz-date": date,
      "content-type": "application/x-www-form-urlencoded",
      "content-length": Buffer.byteLength(body),
      authorization: `AWS4-HMAC-SHA256 Credential=${id}/${scope.join("/")}, SignedHeaders=host;x-amz-date, Signature=${hmac(key, text).toString("hex")}`,
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
