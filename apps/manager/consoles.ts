/**
 * Interactive serial consoles: a WebSocket from whoever watches, through this manager, to the host.
 *
 * A console can fail to open at any moment, also after everything was checked: its host may be connected
 * to another manager. Whatever is thrown on the way must end in the socket, or it ends the process.
 */
import { randomUUID } from "node:crypto";
import type { IncomingMessage, Server } from "node:http";
import type { Access } from "@holdfast/cloud/access/edge";
import type { AuditLog } from "@holdfast/cloud/audit/edge";
import type { Hub } from "@holdfast/cloud/hosts/edge";
import type { HostId, InstanceId } from "@holdfast/kernel/ids";
import { kinds, Problem, problem, viewOf } from "@holdfast/kernel/problem";
import type { Instant } from "@holdfast/kernel/time";
import type { Database } from "@holdfast/store/database";
import type { Logger } from "pino";
import { type WebSocket, WebSocketServer } from "ws";
import type { Witness } from "./http.ts";
import { refuseRaw } from "./raw-answer.ts";
import { invalidRequest } from "./reading.ts";

interface Deps {
  readonly access: Access;
  readonly database: Database;
  readonly hub: Hub;
  readonly audit: AuditLog;
  readonly now: () => Instant;
  readonly log: Logger;
}

interface Target {
  readonly instance: InstanceId;
  readonly host: HostId;
  readonly generation: number;
}

/** `GET /v1/projects/:project/instances/:instance/console`, upgraded. Binary frames both ways. */
export function consolePort(
  server: Server,
  { access, database, hub, audit, now, log }: Deps,
): void {
  const sockets = new WebSocketServer({ noServer: true, maxPayload: 65_536 });
  sockets.on("wsClientError", (_error, socket) => refuseRaw(socket, notWebSocket()));
  server.on("upgrade", (request, socket, head) => {
    socket.on("error", () => socket.destroy());
    // Opened first and refused inside, so that the reason arrives and not only a number.
    sockets.handleUpgrade(request, socket, head, (open) => {
      open.on("error", (error) => log.debug({ error }, "console"));
      open.pause(); // What is typed in the meantime waits.
      void admit(open, request);
    });
  });

  /** Whatever is thrown on the way ends in the socket. */
  async function admit(open: WebSocket, request: IncomingMessage): Promise<void> {
    const witness: Witness = {};
    try {
      join(open, await find(request, witness));
      tell(request, witness, 101);
    } catch (error) {
      const shown = asShown(error);
      refuse(open, shown);
      tell(request, { ...witness, code: shown.code }, kinds[shown.kind].status);
    }
  }

  /** A console is told of when it opens, or does not: whoever types there is inside of the guest. */
  function tell({ url = "", socket }: IncomingMessage, witness: Witness, status: number): void {
    void audit.record({
      ...{ at: now(), requestId: randomUUID(), api: "console", method: "OPEN" },
      ...{
        route: "/v1/projects/:project/instances/:instance/console",
        path: url.split("?")[0] ?? "",
      },
      ...{ status, code: witness.code, who: witness.caller, project: witness.project },
      ...{ source: socket.remoteAddress ?? "", milliseconds: 0 },
    });
  }

  async function find(request: IncomingMessage, witness: Witness): Promise<Target> {
    const { headers, socket } = request;
    const source = socket.remoteAddress ?? "";
    const caller = await access.authenticate({ headers, isChange: false, source });
    witness.caller = caller;
    // A browser sends its cookie whatever page opens the socket: only one of ours may.
    if (caller.by.kind === "session") mustBeOurs(request);
    const [, project, name] =
      /^\/v1\/projects\/([a-z0-9-]{1,63})\/instances\/([a-z0-9-]{1,63})\/console$/.exec(
        request.url ?? "",
      ) ?? [];
    if (!project || !name)
      throw problem("not_found", "route_not_found", "There is no console at this address.", {
        fix: "Consoles are at /v1/projects/PROJECT/instances/INSTANCE/console.",
      });
    const projectId = await access.projectOf(caller, project, "project:operate");
    witness.project = projectId;
    const [row] = await database.query<{
      instance: InstanceId;
      host: HostId | null;
      generation: number;
    }>(
      `select id as instance, home as host, generation from instance
       where project_id = $1 and ((name = $2 and not is_expunged) or id::text = $2)`,
      [projectId, name],
    );
    if (!row)
      throw problem("not_found", "instance_not_found", `There is no instance ${name}.`, {
        fix: "See them: holdfast list",
      });
    if (!row.host)
      throw problem("conflict", "no_console", `${name} does not run.`, {
        fix: `Start it: holdfast start ${name}`,
      });
    return { ...row, host: row.host };
  }

  function join(open: WebSocket, { instance, host, generation }: Target): void {
    const far = hub.openConsole(host, instance, generation, (data, isEnd) => {
      if (data.length > 0) open.send(data);
      if (isEnd) open.close(1000);
    });
    open.on("message", (data) =>
      far.input(Buffer.isBuffer(data) ? data : Buffer.from(String(data))),
    );
    open.on("close", () => far.close());
    open.resume();
  }
}

const asShown = (error: unknown) =>
  error instanceof Problem ? error : problem("bug", "bug", "The console could not be opened.");

function refuse(open: WebSocket, shown: Problem): void {
  // A close reason holds 123 bytes; the whole Problem goes ahead of it as text.
  open.resume();
  open.send(JSON.stringify(viewOf(shown)), () =>
    open.close(4000 + kinds[shown.kind].status, shown.code),
  );
}

function mustBeOurs({ headers: { origin, host } }: IncomingMessage): void {
  if (origin !== undefined && URL.canParse(origin) && new URL(origin).host === host) return;
  throw problem("forbidden", "csrf_missing", "Only a page of this manager may open a console.", {
    fix: "Open it from there, or use an access key.",
  });
}

const notWebSocket = () =>
  invalidRequest(
    [{ field: "header.upgrade", reason: "is not a WebSocket handshake" }],
    "Leave out the Upgrade header; only consoles are WebSockets.",
  );
