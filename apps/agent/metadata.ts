/**
 * Answers the guests of this host at 169.254.169.254, from what the host knows of them anyway: the wish that
 * it holds, the picture of its networks and its notes. So it works while no manager is there.
 */
import type { Keeper, Networker, Notebook } from "@holdfast/cloud/agent/edge";
import { answer, type Guest, interruptionOf } from "@holdfast/cloud/metadata";
import { signedTokens } from "@holdfast/cloud/metadata/edge";
import type { AnswerMetadata } from "@holdfast/drivers/network";
import type { NicId } from "@holdfast/kernel/ids";
import type { Clock } from "@holdfast/kernel/time";

export interface MetadataDeps {
  readonly keeper: Pick<Keeper, "ownerOf">;
  readonly networks: Pick<Networker, "seatOf">;
  readonly notes: Pick<Notebook, "of">;
  readonly zone: () => string;
  /** 32 unguessable bytes, for tokens. */
  readonly key: Uint8Array;
  readonly clock: Clock;
}

export function metadataAnswers(deps: MetadataDeps): AnswerMetadata {
  const tokensOf = signedTokens(deps.key, deps.clock);
  return async ({ nic, ...question }) => answer(question, guestOf(nic, deps), tokensOf(nic));
}

function guestOf(nic: NicId, deps: MetadataDeps): Guest | undefined {
  const { keeper, networks, zone, clock } = deps;
  const owner = keeper.ownerOf(nic);
  const spec = owner?.wish.spec;
  if (!owner || !spec) return undefined;
  const notes = deps.notes.of(owner.wish.instance);
  const seats = spec.nics.flatMap(({ id }) => networks.seatOf(id) ?? []);
  return {
    instance: owner.wish.instance,
    name: spec.name,
    project: spec.project,
    type: spec.type,
    image: spec.imageId,
    zone: zone(),
    generation: owner.wish.generation,
    metadata: spec.metadata,
    metadataTokens: spec.metadataTokens,
    launchedAt: owner.since ?? 0,
    domain: seats[0]?.network.domain,
    nics: seats.map(({ network, port }) => ({
      mac: port.mac,
      address: port.address,
      cidr: network.cidr,
      network: network.id,
      publicAddress: port.publicAddress ?? undefined,
      groups: notes?.groups.find(({ nic: of }) => of === port.nic)?.names ?? [],
    })),
    publicKeys: notes?.publicKeys ?? [],
    userData: spec.userData ?? undefined,
    events: notes?.events ?? [],
    interruption: interruptionOf(notes?.events ?? [], clock.now()),
    lastDeath: spec.lastDeath ?? undefined,
  };
}
