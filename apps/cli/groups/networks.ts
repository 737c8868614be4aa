/** `networks` and `forward`: what instances are connected to, and which of their ports the outside reaches. */

import { everyPage } from "@holdfast/client/pages";
import {
  createForward,
  createNetwork,
  deleteForward,
  deleteNetwork,
  getNetwork,
  listForwards,
  listNetworkIds,
  listNetworks,
} from "@holdfast/cloud/networks/api";
import { onePage } from "@holdfast/kernel/pages";
import { problem } from "@holdfast/kernel/problem";
import { type Command, InvalidArgumentError } from "commander";
import { type Group, listing } from "../group.ts";
import { whole } from "../options.ts";
import type { Session } from "../session.ts";
import { forwardTable, idTable, networkDetails, networkTable } from "../text/networks.ts";

export const networksGroup: Group = (program, open) => {
  const networks = listing(
    program,
    "networks",
    "list networks, or change them",
    "Lists the networks of the project: their addresses, their guests, and where their routers are.",
    async (command) => {
      const session = open(command);
      const params = { project: session.options.project };
      const networks = await everyPage(
        (after) => session.call(listNetworks, { params, query: { after } }),
        (page) => page.networks,
      );
      const reply = { networks, next: null };
      session.show(reply, () =>
        reply.networks.length > 0
          ? networkTable(reply.networks, session.now(), session.paint)
          : `No networks in project ${params.project}. Make one: holdfast networks create`,
      );
    },
  );

  networks
    .command("create")
    .summary("make a network")
    .description(
      `${createNetwork.summary} One that is called default is what new instances are connected to.`,
    )
    .argument("<name>", "a new name; guests find each other as INSTANCE.NAME.holdfast.internal")
    .option("--cidr <cidr>", "its addresses, from /16 to /29 (a /24 that is free)")
    .option("--vlan <id>", "on this VLAN of the hosts' uplinks; for operators", whole)
    .action(async (name: string, { cidr, vlan }: { cidr?: string; vlan?: number }, command) => {
      const session = open(command);
      const params = { project: session.options.project };
      const reply = await session.call(createNetwork, { params, body: { name, cidr, vlan } });
      session.show(reply, () => networkDetails(reply, session.now(), session.paint));
      session.note(`\nnext: holdfast run --network ${reply.name}`);
    });

  networks
    .command("show")
    .summary("show a network")
    .description(
      "Shows a network: its addresses, its router, and what its guests come from outside as.",
    )
    .argument("<network>", "its name or id")
    .action(async (network: string, _, command) => {
      const session = open(command);
      const params = { project: session.options.project, network };
      const reply = await session.named("network", network, session.call(getNetwork, { params }));
      session.show(reply, () => networkDetails(reply, session.now(), session.paint));
    });

  networks
    .command("delete")
    .summary("delete a network that nothing is connected to")
    .description(deleteNetwork.summary)
    .argument("<network>", "its name or id")
    .action(async (network: string, _, command) => {
      const session = open(command);
      const params = { project: session.options.project, network };
      const asked = session.call(deleteNetwork, { params });
      const reply = await session.named("network", network, asked);
      session.show(reply, () => `${reply.name} is deleted; network id ${reply.vni} is free.`);
    });

  networks
    .command("ids")
    .summary("list who holds the network ids; for operators")
    .description(`${listNetworkIds.summary} Those nobody would miss come first.`)
    .action(async (_, command) => {
      const session = open(command);
      const reply = await session.call(listNetworkIds);
      session.show(reply, () => idTable(reply, session.now(), session.paint));
    });

  forwards(program, open);
};

const forwards: Group = (program, open) => {
  const forward = program
    .command("forward")
    .summary("forward ports of a network's public address to its guests")
    .description("Forwards ports of a network's public address to its guests.")
    .helpCommand(false);

  forward
    .command("list")
    .summary("list what a network forwards")
    .description(listForwards.summary)
    .argument("<network>", "its name or id")
    .action(async (network: string, _, command) => {
      const session = open(command);
      const reply = await present(session, network);
      session.show(reply, () =>
        reply.forwards.length > 0
          ? forwardTable(reply.forwards, session.now(), session.paint)
          : `${network} forwards no port.`,
      );
    });

  forward
    .command("create")
    .summary("forward a port to an instance")
    .description(createForward.summary)
    .argument("<network>", "its name or id")
    .argument("<port>", "of the public address", whole)
    .argument("<instance>", "name or id, and the port there if it is another one: web:8080")
    .option("--udp", "for UDP instead of TCP")
    .action(async (network: string, port: number, to: string, options: Protocol, command) => {
      const session = open(command);
      const [instance = "", inner] = to.split(":");
      const params = { project: session.options.project, network };
      const body = {
        protocol: protocolOf(options),
        ...{
          publicPort: port,
          instance,
          port: inner === undefined ? port : portIn(command, inner),
        },
      };
      const asked = session.call(createForward, { params, body });
      const reply = await session.named(
        "instance",
        instance,
        session.named("network", network, asked),
      );
      session.show(reply, () => forwardTable([reply], session.now(), session.paint));
    });

  forward
    .command("delete")
    .summary("forward a port no longer")
    .description(deleteForward.summary)
    .argument("<network>", "its name or id")
    .argument("<port>", "of the public address", whole)
    .option("--udp", "the one for UDP")
    .action(async (network: string, port: number, options: Protocol, command) => {
      const session = open(command);
      const protocol = protocolOf(options);
      const found = (await present(session, network)).forwards.find(
        (one) => one.publicPort === port && one.protocol === protocol,
      );
      if (!found)
        throw problem(
          "not_found",
          "forward_not_found",
          `${network} does not forward ${protocol} port ${port}.`,
          { fix: `See what it forwards: holdfast forward list ${network}` },
        );
      const params = { project: session.options.project, network, forward: found.id };
      const reply = await session.call(deleteForward, { params });
      session.show(
        reply,
        () => `${protocol} port ${port} of ${reply.network} leads to ${reply.instance} no longer.`,
      );
    });
};

interface Protocol {
  readonly udp?: true;
}
const protocolOf = ({ udp }: Protocol): "tcp" | "udp" => (udp ? "udp" : "tcp");

function present(session: Session, network: string) {
  const params = { project: session.options.project, network };
  const asked = onePage("forwards", (after) =>
    session.call(listForwards, { params, query: { after } }),
  );
  return session.named("network", network, asked);
}

function portIn(command: Command, text: string): number {
  try {
    return whole(text);
  } catch (error) {
    if (!(error instanceof InvalidArgumentError)) throw error;
    return command.error(`error: '${text}' is no port: ${error.message}`);
  }
}
