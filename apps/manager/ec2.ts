/** The EC2 door of a manager: EC2's requests in, and through the same gate as every other request. */
import type { Server } from "node:http";
import type { Access } from "@holdfast/cloud/access/edge";
import type { AuditLog } from "@holdfast/cloud/audit/edge";
import { type DoorDeps, ec2Door, type Gate } from "@holdfast/cloud/ec2/edge";
import type { Caller, Handler } from "@holdfast/kernel/route";
import { type KnownRequest, serveAs } from "./http.ts";

export interface Ec2PortDeps extends Omit<DoorDeps, "gate" | "signers" | "onAnswered"> {
  readonly access: Access;
  readonly audit: AuditLog;
  readonly handlers: readonly Handler[];
}

export function ec2Port({ access, audit, handlers, ...deps }: Ec2PortDeps): Server {
  return ec2Door({
    ...deps,
    gate: gateOf(access, handlers),
    signers: access.credentials,
    async onAnswered({ action, caller, isChange, ...about }) {
      const written = audit.record({
        ...about,
        // EC2's clients read with POST as well: in the log that is what it would be natively.
        ...{ api: "ec2", method: isChange ? "POST" : "GET", route: action, path: "/", who: caller },
      });
      if (isChange) await written;
    },
  });
}

function gateOf(access: Access, handlers: readonly Handler[]): Gate {
  const byRoute = new Map<unknown, Handler>(handlers.map((handler) => [handler.route, handler]));
  /** A caller is one of one request; what that asks natively is in the project that it was let into. */
  const places = new WeakMap<Caller, KnownRequest["place"]>();
  return {
    async enter(caller, needs) {
      access.admit(caller);
      const name = meantBy(caller);
      const found = access.placeOf(name);
      const project = await access.projectOf(caller, name, needs, found);
      places.set(caller, { name: project, found });
      return project;
    },
    admitNobody: access.admitNobody,
    async ask(caller, route, { requestId: id, isDry = false, ...request }) {
      const known = byRoute.get(route);
      const handler = known && isDry ? { route: known.route, answer: async () => {} } : known;
      if (!handler) throw new Error(`nobody answers ${route.method} ${route.path}`);
      return serveAs(access, handler, { ...request, id, caller, place: places.get(caller) });
    },
  };
}

/** EC2's requests name no project: it is the key's, or the only one that its holder has a role on. */
function meantBy({ only, grants }: Caller): string {
  if (only !== undefined) return only;
  const projects = new Set(grants.flatMap((grant) => (grant.on === "project" ? [grant.id] : [])));
  const [project] = projects;
  return project !== undefined && projects.size === 1 ? project : "default";
}
