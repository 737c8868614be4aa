/**
 * Answers the guests of this host at 169.254.169.254, from what the host knows of them anyway: the wish that
 * it holds and the picture of its networks. So it works while no manager is there.
 */
import type { Keeper, Networker } from "@holdfast/cloud/agent/edge";
import { answer, type Guest } from "@holdfast/cloud/metadata";
import { signedTokens } from "@holdfast/cloud/metadata/edge";
import type { AnswerMetadata } from "@holdfast/drivers/network";
import type { NicId } from "@holdfast/kernel/ids";
import type { Clock } from "@holdfast/kernel/time";

export interface MetadataDeps {
  readonly keeper: Pick<Keeper, "ownerOf">;
  readonly networks: Pick<Networker, "seatOf">;
  readonly zone: () => string;
  /** 32 unguessable bytes, for tokens. */
  readonly key: Uint8Array;
  readonly clock: Clock;
}

export function metadataAnswers(deps: MetadataDeps): AnswerMetadata {
  const tokensOf = signedTokens(deps.key, deps.clock);
  return async ({ nic, ...question }) => answer(question, guestOf(nic, deps), tokensOf(nic), false);
}

function guestOf(nic: NicId, { keeper, networks, zone }: MetadataDeps): Guest | undefined {
  const owner = keeper.ownerOf(nic);
  const spec = owner?.wish.spec;
  if (!owner || !spec) return undefined;
  const seats = spec.nics.flatMap(({ id }) => networks.seatOf(id) ?? []);
  return {
    instance: owner.wish.instance,
    name: spec.name,
    project: spec.project,
    type: spec.type,
    image: spec.imageId,
    zone: zone(),
    generation: owner.wish.generation,
    launchedAt: owner.since ?? 0,
    domain: seats[0]?.network.domain,
    nics: seats.map(({ network, port }) => ({
      mac: port.mac,
      address: port.address,
      cidr: network.cidr,
      network: network.id,
      publicAddress: port.publicAddress ?? undefined,
      groups: [],
    })),
    publicKeys: [],
    userData: spec.userData ?? undefined,
    events: [],
    interruption: undefined,
    lastDeath: spec.lastDeath ?? undefined,
  };
}
