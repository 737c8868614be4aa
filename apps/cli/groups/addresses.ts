/** `addresses` and `ranges`: public addresses, who has them, and what they are taken from. */

import {
  addRange,
  allocateAddress,
  attachAddress,
  detachAddress,
  listAddresses,
  listRanges,
  releaseAddress,
  removeRange,
} from "@holdfast/cloud/networks/api";
import { onePage } from "@holdfast/kernel/pages";
import { type Group, listing } from "../group.ts";
import { addressTable, rangeTable } from "../text/networks.ts";

export const addressesGroup: Group = (program, open) => {
  const addresses = listing(
    program,
    "addresses",
    "list public addresses, or change who has them",
    "Lists the public addresses of the project. Static ones are kept until they are released; the platform gives and takes the others by itself.",
    async (command) => {
      const session = open(command);
      const params = { project: session.options.project };
      const reply = await onePage("addresses", (after) =>
        session.call(listAddresses, { params, query: { after } }),
      );
      session.show(reply, () =>
        reply.addresses.length > 0
          ? addressTable(reply.addresses, session.now(), session.paint)
          : `No public addresses in project ${params.project}. Take one: holdfast addresses allocate`,
      );
    },
  );

  addresses
    .command("allocate")
    .summary("take a public address to keep")
    .description(allocateAddress.summary)
    .argument("[name]", "to call it by; by its number if absent")
    .action(async (name: string | undefined, _, command) => {
      const session = open(command);
      const params = { project: session.options.project };
      const reply = await session.call(allocateAddress, { params, body: { name } });
      session.show(reply, () => addressTable([reply], session.now(), session.paint));
      session.note(`\nnext: holdfast addresses attach ${reply.name ?? reply.address} INSTANCE`);
    });

  addresses
    .command("attach")
    .summary("give a static address to an instance, or move it there")
    .description(attachAddress.summary)
    .argument("<address>", "it, or its name")
    .argument("<instance>", "its name or id")
    .option("--network <network>", "on its connection to this one (its first)")
    .action(
      async (address: string, instance: string, { network }: { network?: string }, command) => {
        const session = open(command);
        const params = { project: session.options.project, address };
        const asked = session.call(attachAddress, { params, body: { instance, network } });
        const reply = await session.named(
          "instance",
          instance,
          session.named("address", address, asked),
        );
        session.show(reply, () => `${reply.address} is ${reply.instance}.`);
      },
    );

  addresses
    .command("detach")
    .summary("take a static address away from whoever has it")
    .description(detachAddress.summary)
    .argument("<address>", "it, or its name")
    .action(async (address: string, _, command) => {
      const session = open(command);
      const params = { project: session.options.project, address };
      const asked = session.call(detachAddress, { params, body: {} });
      const reply = await session.named("address", address, asked);
      session.show(reply, () => `${reply.address} is nobody's; it stays the project's.`);
    });

  addresses
    .command("release")
    .summary("give a static address back")
    .description(`${releaseAddress.summary} Somebody else may have it next.`)
    .argument("<address>", "it, or its name")
    .action(async (address: string, _, command) => {
      const session = open(command);
      const params = { project: session.options.project, address };
      const asked = session.call(releaseAddress, { params });
      const reply = await session.named("address", address, asked);
      session.show(reply, () => `${reply.address} is given back.`);
    });

  const ranges = listing(
    program,
    "ranges",
    "list what public addresses are taken from, or change it",
    "Lists the ranges that public addresses are taken from. For operators.",
    async (command) => {
      const session = open(command);
      const reply = await session.call(listRanges);
      session.show(reply, () =>
        reply.ranges.length > 0
          ? rangeTable(reply.ranges, session.now(), session.paint)
          : "No ranges: there are no public addresses. Add one: holdfast ranges add CIDR",
      );
    },
  );

  ranges
    .command("add")
    .summary("add addresses to hand out")
    .description(addRange.summary)
    .argument("<cidr>", "such as 203.0.113.0/24")
    .action(async (cidr: string, _, command) => {
      const session = open(command);
      const reply = await session.call(addRange, { body: { cidr } });
      session.show(reply, () => rangeTable([reply], session.now(), session.paint));
    });

  ranges
    .command("remove")
    .summary("hand out no more addresses of a range")
    .description(removeRange.summary)
    .argument("<cidr>", "as it was added")
    .action(async (cidr: string, _, command) => {
      const session = open(command);
      const reply = await session.call(removeRange, { body: { cidr } });
      session.show(reply, () => `${reply.cidr} is removed.`);
    });
};
