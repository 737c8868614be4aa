/**
 * The routes of availability for the tests of the command line: one host that is well and one that is silent.
 *
 * A fake of the answers and not of the rules; those are tested where they are.
 */
import * as availability from "@holdfast/cloud/availability/api";
import { problem } from "@holdfast/kernel/problem";
import { type Handler, handle } from "@holdfast/kernel/route";

export const aCertificate = (moment: number): availability.CertificateView => ({
  id: "0197a000-0000-7000-8000-0000000000f1",
  host: "0197a000-0000-7000-8000-0000000000d2",
  name: "h2",
  epoch: 3,
  proof: "power-off",
  meaning: "its power was read back as off",
  covers: "everything",
  silentSince: moment - 67_500,
  provenAt: moment - 60_000,
  manager: "manager-1",
  evidence: { controller: "https://bmc-2/redfish/v1/Systems/1", power: "off" },
  signature: "MEUCIQ==",
});

export const aPlan = {
  host: "h1",
  proof: "its power read back as off, soon after 5 s; counted from its last word",
  moves: [
    {
      instance: "db",
      project: "default",
      id: "0197a000-0000-7000-8000-0000000000a2",
      priority: 10,
      goes: "h2",
      why: "chosen as a restart would choose",
    },
    {
      instance: "web",
      project: "default",
      id: "0197a000-0000-7000-8000-0000000000a1",
      priority: 0,
      goes: null,
      why: "its volume is on the disks of this host: it waits until that is back",
    },
  ],
};

export function fencingHandlers(moment: number): readonly Handler[] {
  const certificate = aCertificate(moment);
  return [
    handle(availability.listFences, async ({ query }) => {
      if (query.host === "h9") throw noHost("h9");
      return { certificates: query.host === "h1" ? [] : [certificate], next: null };
    }),
    handle(availability.getFence, async () => ({ ...certificate, statement: "one\ntwo\n" })),
    handle(availability.attestHost, async ({ params, body }) => {
      if (params.host === "h9") throw noHost("h9");
      if (body.name !== params.host)
        throw problem("invalid", "attestation_mismatch", `You swore for ${body.name}.`);
      return { ...certificate, proof: "attested" as const, evidence: { reason: body.reason } };
    }),
    handle(availability.setBmc, async () => ({ power: "on" as const })),
    handle(availability.removeBmc, async ({ params }) => ({ removed: params.host === "h1" })),
    handle(availability.releaseBrake, async ({ body }) => ({
      domain: body.domain,
      until: moment + body.minutes * 60_000,
    })),
    handle(availability.planFailover, async ({ params }) => {
      if (params.host === "h9") throw noHost("h9");
      return { ...aPlan, host: params.host };
    }),
  ];
}

const noHost = (name: string) =>
  problem("not_found", "host_not_found", `There is no host ${name}.`, {
    fix: "See them: holdfast hosts",
  });
