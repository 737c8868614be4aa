/**
 * A manager and its doors; what is behind them is in assembly.ts. Kill it at any moment, run as many as you like.
 */
import type { Server } from "node:http";
import { deathCounts } from "@holdfast/cloud/deaths/edge";
import { openAuthority } from "@holdfast/cloud/hosts/edge";
import { invariantCounts } from "@holdfast/cloud/invariants/edge";
import type { Handler } from "@holdfast/kernel/route";
import { connectDatabase } from "@holdfast/store/database";
import { listen } from "@holdfast/store/news";
import { agentPort } from "./agents.ts";
import { type AssemblyOptions, assembleManager } from "./assembly.ts";
import { consolePort } from "./consoles.ts";
import { contentRoute } from "./content.ts";
import { ec2Port } from "./ec2.ts";
import { httpServer } from "./http.ts";
import { metricsRoute } from "./metrics.ts";
import { openApi } from "./openapi.ts";
import { listening, mustBeInside, type Outside, openOutside } from "./outside.ts";
import { countPeers } from "./peers.ts";
import { signOnRoutes as signOnAddresses } from "./sign-on.ts";

export interface ManagerOptions extends AssemblyOptions {
  readonly databaseUrl: string;
  /** The role to work as, where the login is allowed more. */
  readonly databaseRole?: string;
  readonly api: { readonly address: string; readonly port: number };
  /** Where EC2's clients are answered; nowhere if absent. */
  readonly ec2?: { readonly address: string; readonly port: number };
  /** Where those are answered who are not on this machine, and EC2's clients on the port after it. */
  readonly outside?: Outside;
  readonly version: string;
}

export interface Manager {
  readonly apiPort: number;
  readonly ec2Port: number | undefined;
  readonly outsidePort: number | undefined;
  readonly ec2OutsidePort: number | undefined;
  /** Hex SHA-256 of the authority's certificate, by which clients outside know this installation. */
  readonly fingerprint: string;
  readonly agentPort: number;
  readonly handlers: readonly Handler[];
  close(): Promise<void>;
}

/** If one of its doors cannot be opened, none is left open: rejects, and nothing of it is there any more. */
export async function startManager(options: ManagerOptions): Promise<Manager> {
  const { name: self, log, blobs, outside } = options;
  mustBeInside(options.api.address);
  if (options.ec2) mustBeInside(options.ec2.address);
  const database = connectDatabase({
    url: options.databaseUrl,
    ...(options.databaseRole ? { role: options.databaseRole } : {}),
    onError: (error) => log.warn({ error }, "a database connection broke"),
  });
  const peers = countPeers(database, self, (error) => log.warn({ error }, "cannot count managers"));
  const core = await assembleManager(options, {
    ...{ database, openAuthority, managers: peers.count },
    listen: (onNews, onReconnect) => listen(options.databaseUrl, self, onNews, onReconnect),
  }).catch(async (error: unknown) => {
    await peers.close();
    await database.close();
    throw error;
  });
  const { access: gate, handlers, hub, authority, audit, now } = core;

  const proxies = () => core.settings()["access.proxies"].split(" ").filter(Boolean);
  const api = httpServer({ access: gate, handlers, audit, now, log, proxies });
  api.get("/openapi.json", () => openApi(handlers, options.version));
  api.get("/health", async () => ({
    manager: self,
    database: (await database.query("select 1")).length === 1,
  }));
  metricsRoute(api, {
    access: gate,
    measure: core.measure,
    deaths: () => deathCounts(database),
    invariants: () => invariantCounts(database),
  });
  signOnAddresses(api, { access: gate, signOn: core.signOn, now });
  contentRoute(api, { access: gate, database, take: core.take });
  consolePort(api.server, { access: gate, database, hub, audit, now, log });
  /** What closes each door that is open besides the API's. */
  const doors: (() => Promise<void>)[] = [];
  try {
    return await open();
  } catch (error) {
    await close();
    throw error;
  }

  async function open(): Promise<Manager> {
    await api.listen({ host: options.api.address, port: options.api.port });

    const ec2 = options.ec2 && (await openEc2(options.ec2));
    if (ec2) doors.push(() => closed(ec2));
    const seen = outside && (await openOutside(outside, api.server, authority));
    if (seen) doors.push(seen.close);
    const next = outside && { ...outside, port: outside.port && outside.port + 1 };
    const seenEc2 = ec2 && next && (await openOutside(next, ec2, authority));
    if (seenEc2) doors.push(seenEc2.close);

    const identity = await authority.issueServer(options.agents.names);
    const agents = agentPort({
      identity,
      authority: authority.certificate,
      enrolment: core.enrolment,
      hub,
      blobs,
      onGuardRenewal: core.renewForGuard,
      log,
    });
    await listening(agents.server, options.agents);
    doors.push(() => agents.close());
    core.begin();
    log.info({ api: options.api.port, agents: options.agents.port }, "manager is up");
    return {
      apiPort: portOf(api.server),
      agentPort: portOf(agents.server),
      ec2Port: ec2 && portOf(ec2),
      outsidePort: seen && portOf(seen.server),
      ec2OutsidePort: seenEc2 && portOf(seenEc2.server),
      fingerprint: authority.fingerprint,
      handlers,
      close,
    };
  }

  async function close(): Promise<void> {
    await core.quiet();
    const answered = api.close(); // It waits for consoles, which end with the links to their hosts.
    hub.close();
    for (const shut of doors.reverse()) await shut();
    await answered;
    await peers.close();
    await core.close();
  }

  async function openEc2({ address, port }: { address: string; port: number }): Promise<Server> {
    const { mintId, mintSecret } = options;
    const server = ec2Port({
      ...{ access: gate, handlers, audit, database, mintId, mintSecret, log },
      clock: core.clock,
      typeAliases: () => core.settings()["ec2.instance_types"],
      checkLimits: core.checkLimits,
    });
    await listening(server, { port, address });
    return server;
  }
}

/** Whoever is being answered is answered; whoever only holds a connection is not waited for. */
function closed(server: Server): Promise<void> {
  const ended = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  setTimeout(() => server.closeAllConnections(), 1_000).unref();
  return ended;
}

function portOf(server: { address(): unknown }): number {
  const address = server.address();
  return typeof address === "object" && address !== null && "port" in address
    ? Number(address.port)
    : 0;
}
