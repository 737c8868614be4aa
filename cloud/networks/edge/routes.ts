/**
 * The answers to ../api.ts.
 *
 * Every change is one transaction with its row in the journal and the news of it; only after the commit is
 * this manager's own look at the networks asked for, because before it there is nothing to see.
 */
import { seesPlatform } from "@holdfast/cloud/access";
import type { Settings } from "@holdfast/cloud/settings";
import type { MintId } from "@holdfast/kernel/ids";
import { type Caller, handle } from "@holdfast/kernel/route";
import type { Clock } from "@holdfast/kernel/time";
import { type Database, type Sql, unlessTaken } from "@holdfast/store/database";
import { appendJournal, type JournalRow } from "@holdfast/store/journal";
import { announce } from "@holdfast/store/news";
import * as api from "../api.ts";
import {
  allocateAddress,
  attachAddress,
  detachAddress,
  type Moved,
  pageOfAddresses,
  releaseAddress,
} from "./addresses.ts";
import { deleteForward, insertForward, pageOfForwards } from "./forwards.ts";
import { deleteGroup, findGroupView, insertGroup, pageOfGroups, setGroups } from "./groups.ts";
import { findNetwork, holdGroup, nameTaken } from "./lookup.ts";
import { listHolders } from "./network-ids.ts";
import { deleteNetwork, findNetworkView, insertNetwork, pageOfNetworks } from "./networks.ts";
import { deleteRange, insertRange, listRangeViews } from "./ranges.ts";
import { addRules, removeRules } from "./rules.ts";
import { checkVlan } from "./vlan.ts";

export interface NetworkRouteDeps {
  readonly database: Database;
  readonly clock: Clock;
  readonly mintId: MintId;
  readonly self: string;
  readonly settings: () => Pick<
    Settings,
    "networks.first_id" | "networks.last_id" | "networks.supply" | "networks.most_rules"
  >;
  /** Something of a network has changed: look, and tell the hosts. */
  readonly onChanged: () => void;
}

type Told = Omit<JournalRow, "at" | "actor" | "requestId" | "kind"> & Partial<JournalRow>;
interface Asked {
  readonly caller: Caller;
  readonly requestId: string;
}

/** Addresses and ranges have no ids of their own; the journal names them in the detail. */
const nobody = "00000000-0000-0000-0000-000000000000";

export function networkRoutes(deps: NetworkRouteDeps) {
  const { database, clock, mintId, self, settings, onChanged } = deps;

  /** Without a row there was nothing to change, and nothing is told. */
  async function change<T>(
    { caller, requestId }: Asked,
    work: (sql: Sql, tell: (row: Told) => void) => Promise<T>,
  ): Promise<T> {
    const { reply, isChanged } = await database.transaction(async (sql) => {
      const rows: JournalRow[] = [];
      const common = { at: clock.now(), kind: "network", actor: caller.name, requestId } as const;
      const reply = await work(sql, (row) => rows.push({ ...common, ...row }));
      await appendJournal(sql, rows);
      if (rows.length > 0) await announce(sql, { from: self, networks: true });
      return { reply, isChanged: rows.length > 0 };
    });
    if (isChanged) onChanged();
    return reply;
  }

  const pool = () => {
    const now = settings();
    return { first: now["networks.first_id"], last: now["networks.last_id"] };
  };
  const ruleDeps = () => ({ mintId, now: clock.now(), most: settings()["networks.most_rules"] });

  return {
    createNetwork: handle(api.createNetwork, async (request) => {
      const { params, body, caller } = request;
      if (body.vlan !== undefined) await checkVlan(database, caller);
      const id = mintId<"Network">();
      const { name, cidr, vlan } = body;
      return change(request, async (sql, tell) => {
        const row = { id, project: params.project, name, cidr, vlan, createdAt: clock.now() };
        const supplies = { ids: pool(), addresses: settings()["networks.supply"] };
        const given = await insertNetwork(
          sql,
          row,
          supplies,
          seesPlatform(caller) ? undefined : params.project,
        );
        tell({ subject: id, event: "created", detail: { name, ...given, vlan } });
        return findNetworkView(sql, params.project, id);
      });
    }),

    listNetworks: handle(api.listNetworks, ({ params, query }) =>
      pageOfNetworks(database, params.project, query),
    ),

    getNetwork: handle(api.getNetwork, ({ params }) =>
      findNetworkView(database, params.project, params.network),
    ),

    deleteNetwork: handle(api.deleteNetwork, (request) =>
      change(request, async (sql, tell) => {
        const { project, network } = request.params;
        const view = await deleteNetwork(sql, project, network, clock.now());
        const { name, cidr, vni, router } = view;
        const detail = { name, cidr, vni, publicAddress: router?.publicAddress ?? null };
        tell({ subject: view.id, event: "deleted", detail });
        return view;
      }),
    ),

    createForward: handle(api.createForward, (request) =>
      change(request, async (sql, tell) => {
        const { params, body } = request;
        const forward = { ...body, id: mintId<"Forward">(), createdAt: clock.now() };
        const made = await insertForward(sql, params.project, params.network, forward);
        tell({
          subject: made.network,
          event: "forwardCreated",
          detail: { id: forward.id, ...body },
        });
        return made.view;
      }),
    ),

    listForwards: handle(api.listForwards, async ({ params, query }) => {
      const { id } = await findNetwork(database, params.project, params.network);
      return pageOfForwards(database, id, query);
    }),

    deleteForward: handle(api.deleteForward, (request) =>
      change(request, async (sql, tell) => {
        const { project, network, forward } = request.params;
        const held = await findNetwork(sql, project, network);
        const view = await deleteForward(sql, held, forward);
        const { id, protocol, publicPort, instance, port } = view;
        const detail = { id, protocol, publicPort, instance, port };
        tell({ subject: held.id, event: "forwardDeleted", detail });
        return view;
      }),
    ),

    allocateAddress: handle(api.allocateAddress, async (request) => {
      const { project } = request.params;
      const { name } = request.body;
      return unlessTaken(
        "public_address_by_name",
        () => nameTaken("an address", name ?? "", `holdfast addresses release ${name}`),
        () =>
          change(request, async (sql, tell) => {
            const view = await allocateAddress(sql, project, name, clock.now());
            const { address } = view;
            tell({ subject: project, event: "addressAllocated", detail: { address, name } });
            return view;
          }),
      );
    }),

    listAddresses: handle(api.listAddresses, ({ params, query }) =>
      pageOfAddresses(database, params.project, query),
    ),

    attachAddress: handle(api.attachAddress, (request) =>
      change(request, async (sql, tell) => {
        const { project, address } = request.params;
        const { instance, network } = request.body;
        return tellMoved(await attachAddress(sql, project, address, { instance, network }), tell);
      }),
    ),

    detachAddress: handle(api.detachAddress, (request) =>
      change(request, async (sql, tell) => {
        const { project, address } = request.params;
        return tellMoved(await detachAddress(sql, project, address), tell);
      }),
    ),

    releaseAddress: handle(api.releaseAddress, (request) =>
      change(request, async (sql, tell) => {
        const { project } = request.params;
        const view = await releaseAddress(sql, project, request.params.address);
        const { address, name } = view;
        tell({ subject: project, event: "addressReleased", detail: { address, name } });
        return view;
      }),
    ),

    createGroup: handle(api.createGroup, (request) => {
      const { params, body } = request;
      const { name, description, rules } = body;
      const id = mintId<"SecurityGroup">();
      return unlessTaken(
        "security_group_project_id_name_key",
        () => nameTaken("a security group", name, `holdfast groups delete ${name}`),
        () =>
          change(request, async (sql, tell) => {
            const row = { id, project: params.project, name, description, createdAt: clock.now() };
            await insertGroup(sql, row);
            await addRules(sql, params.project, { id, name }, rules, ruleDeps());
            tell({ subject: id, event: "groupCreated", detail: { name, rules: rules.length } });
            return findGroupView(sql, params.project, id);
          }),
      );
    }),

    listGroups: handle(api.listGroups, ({ params, query }) =>
      pageOfGroups(database, params.project, query),
    ),

    getGroup: handle(api.getGroup, ({ params }) =>
      findGroupView(database, params.project, params.group),
    ),

    deleteGroup: handle(api.deleteGroup, (request) =>
      change(request, async (sql, tell) => {
        const view = await deleteGroup(sql, request.params.project, request.params.group);
        tell({ subject: view.id, event: "groupDeleted", detail: { name: view.name } });
        return view;
      }),
    ),

    addRules: handle(api.addRules, (request) =>
      change(request, async (sql, tell) => {
        const { project } = request.params;
        const { rules } = request.body;
        const group = await holdGroup(sql, project, request.params.group);
        const added = await addRules(sql, project, group, rules, ruleDeps());
        const detail = { name: group.name, rules: rules.slice(0, mostTold), count: rules.length };
        if (added > 0) tell({ subject: group.id, event: "rulesAdded", detail });
        return findGroupView(sql, project, group.id);
      }),
    ),

    removeRules: handle(api.removeRules, (request) =>
      change(request, async (sql, tell) => {
        const { project } = request.params;
        const { rules } = request.body;
        const group = await holdGroup(sql, project, request.params.group);
        const before = await findGroupView(sql, project, group.id);
        await removeRules(sql, group, rules);
        const gone = before.rules.filter(({ id }) => rules.includes(id));
        const detail = { name: group.name, rules: gone.slice(0, mostTold), count: gone.length };
        if (gone.length > 0) tell({ subject: group.id, event: "rulesRemoved", detail });
        return findGroupView(sql, project, group.id);
      }),
    ),

    setInstanceGroups: handle(api.setInstanceGroups, (request) =>
      change(request, async (sql, tell) => {
        const { params, body } = request;
        const set = await setGroups(sql, params.project, params.instance, body.groups);
        const { instance, before, after } = set;
        if (before.join() !== after.join())
          tell({
            ...{ kind: "instance", subject: instance, event: "securityGroupsSet" },
            detail: { before, groups: after },
          });
        return { groups: [...after] };
      }),
    ),

    addRange: handle(api.addRange, (request) =>
      change(request, async (sql, tell) => {
        const { cidr } = request.body;
        const view = await insertRange(sql, cidr, clock.now());
        tell({ subject: nobody, event: "rangeAdded", detail: { cidr } });
        return view;
      }),
    ),

    listRanges: handle(api.listRanges, async () => ({ ranges: await listRangeViews(database) })),

    removeRange: handle(api.removeRange, (request) =>
      change(request, async (sql, tell) => {
        const { cidr } = request.body;
        const view = await deleteRange(sql, cidr);
        tell({ subject: nobody, event: "rangeRemoved", detail: { cidr } });
        return view;
      }),
    ),

    listNetworkIds: handle(api.listNetworkIds, async () => {
      const { first, last } = pool();
      const held = await listHolders(database, { first, last }, {});
      const free = Math.max(0, last - first + 1 - held.length);
      return { first, last, free, held: [...held] };
    }),
  };
}

/** A journal row is for reading: of two thousand rules the first few say enough. */
const mostTold = 20;

/** In the timelines of the instances: that is where people look for an address that has gone. */
function tellMoved({ view, lost, got }: Moved, tell: (row: Told) => void): api.AddressView {
  const of = ({ instance, address }: Moved["got"][number], event: string): Told => ({
    ...{ kind: "instance", subject: instance, event },
    detail: { address, name: view.address === address ? view.name : undefined },
  });
  for (const bearer of lost) tell(of(bearer, "addressDetached"));
  for (const bearer of got) tell(of(bearer, "addressAttached"));
  return view;
}
