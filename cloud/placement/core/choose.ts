/**
 * Finds a host for a request: the one that the planner ranks first among those that break no rule.
 *
 * It only chooses. The answer is as good as the picture and holds nothing: reserve it, or use
 * `placeAll`. Undefined means that no host will do; `explain` then says why, from the same picture.
 *
 * Costs O(log hosts), plus one step for each host that stands first and is only kept out by
 * anti-affinity or the list of hosts to avoid. A list of only these hosts is simply walked.
 */
import type { HostId } from "@holdfast/kernel/ids";
import type { PlacementOptions, PlacementRequest } from "./model.ts";
import type { Picture, Reservation } from "./picture.ts";
import { rank } from "./rank.ts";
import { judge } from "./rules.ts";

export function choose(
  picture: Picture,
  request: PlacementRequest,
  options: PlacementOptions,
): HostId | undefined {
  if (request.onlyHosts) return chooseAmong(picture, request.onlyHosts, request, options);
  const { planner, factors } = options;
  const { zone, tags, antiAffinityGroup: group, avoidHosts } = request;
  const accept =
    group === undefined && avoidHosts.length === 0
      ? undefined
      : (id: HostId) =>
          !avoidHosts.includes(id) && (group === undefined || !picture.hasMember(group, id));
  const healthy = { planner, zone, tags, isHealthy: true };
  return (
    picture.firstOf(healthy, request, factors, accept) ??
    picture.firstOf({ ...healthy, isHealthy: false }, request, factors, accept)
  );
}

/** What became of one request: where it goes and what is held for it there. */
export interface Placement {
  readonly host: HostId;
  readonly reservation: Reservation;
}

/**
 * Places many requests in the order given, each seeing what those before it took. The answers are in
 * the same order; undefined is a refusal, which holds nothing and does not stop the rest.
 */
export function placeAll(
  picture: Picture,
  requests: readonly PlacementRequest[],
  options: PlacementOptions,
): readonly (Placement | undefined)[] {
  return requests.map((request) => {
    const host = choose(picture, request, options);
    const reservation = host && picture.reserve(host, request);
    return reservation && { host: reservation.host, reservation };
  });
}

function chooseAmong(
  picture: Picture,
  ids: readonly HostId[],
  request: PlacementRequest,
  options: PlacementOptions,
): HostId | undefined {
  const groupHosts = picture.membersOf(request.antiAffinityGroup);
  const circumstances = { factors: options.factors, groupHosts };
  const judged = [...new Set(ids)].flatMap((id) => {
    const host = picture.find(id);
    return host ? [{ host, rejections: judge(host, request, circumstances) }] : [];
  });
  return rank(judged, request, options)[0]?.host.id;
}
