/**
 * Finds a host for a request: the one that the planner ranks first among those that break no rule.
 *
 * It only chooses. The answer is as good as the picture and holds nothing: reserve it, or use
 * `placeAll`. Undefined means that no host will do; `explain` then says why, from the same picture.
 *
 * Costs O(log hosts), plus one step for each host that stands first and is only kept out by
 * anti-affinity or the list of hosts to avoid. A member of a group is looked for a place up to three
 * times, far from the others first, and costs a step for each host with room in the pods that have one. A
 * list of only these hosts is simply walked.
 */
import type { HostId } from "@holdfast/kernel/ids";
import { type Company, closeness, companyOf } from "./company.ts";
import type { HostCapacity, PlacementOptions, PlacementRequest } from "./model.ts";
import type { Picture, Reservation } from "./picture.ts";
import { rank } from "./rank.ts";
import { judge } from "./rules.ts";

export function choose(
  picture: Picture,
  request: PlacementRequest,
  options: PlacementOptions,
): HostId | undefined {
  if (request.onlyHosts) return chooseAmong(picture, request.onlyHosts, request, options);
  const { antiAffinityGroup: group, avoidHosts } = request;
  const isAllowed =
    avoidHosts.length > 0 ? ({ id }: HostCapacity) => !avoidHosts.includes(id) : undefined;
  const members = picture.membersOf(group);
  if (members.size === 0) return firstOf(picture, request, options, { accept: isAllowed });
  for (const { isInZone, suits } of stepsOf(picture, request, companyIn(picture, members))) {
    const accept = (host: HostCapacity) =>
      !members.has(host.id) && suits?.(host) !== false && isAllowed?.(host) !== false;
    const found = firstOf(picture, request, options, { isInZone, accept });
    if (found !== undefined) return found;
  }
  return undefined;
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
  const company = companyIn(picture, groupHosts);
  const circumstances = { factors: options.factors, groupHosts };
  const judged = [...new Set(ids)].flatMap((id) => {
    const host = picture.find(id);
    return host ? [{ host, rejections: judge(host, request, circumstances) }] : [];
  });
  return rank(judged, request, options, company)[0]?.host.id;
}

/** Which of the hosts that suit the request to look at. */
interface Where {
  readonly isInZone?: (zone: string) => boolean;
  readonly accept: ((host: HostCapacity) => boolean) | undefined;
}

/** Healthy ones first. */
function firstOf(
  picture: Picture,
  request: PlacementRequest,
  { planner, factors }: PlacementOptions,
  { isInZone, accept }: Where,
): HostId | undefined {
  const { zone, tags } = request;
  const healthy = { planner, zone, tags, isInZone, isHealthy: true };
  return (
    picture.firstOf(healthy, request, factors, accept) ??
    picture.firstOf({ ...healthy, isHealthy: false }, request, factors, accept)
  );
}

interface Step {
  readonly isInZone: (zone: string) => boolean;
  readonly suits?: (host: HostCapacity) => boolean;
}

/**
 * Far from the other members first. A step that cannot find anything is left out: mostly there are few
 * zones, and all have a member. A later step need not look where an earlier one has found nothing.
 */
function stepsOf(picture: Picture, { zone }: PlacementRequest, company: Company): readonly Step[] {
  const asked = zone === undefined ? picture.zones() : [zone];
  const shared = asked.filter((each) => company.has(each));
  const isShared = (each: string) => company.has(each);
  const hasFreePod = (each: string) => picture.podsIn(each) > (company.get(each)?.size ?? 0);
  const steps: Step[] = [];
  if (shared.length < asked.length) steps.push({ isInZone: (each) => !company.has(each) });
  if (shared.some(hasFreePod))
    steps.push({ isInZone: isShared, suits: (host) => closeness(host, company) === 1 });
  if (shared.length > 0) steps.push({ isInZone: isShared });
  return steps;
}

const companyIn = (picture: Picture, members: ReadonlySet<HostId>) =>
  companyOf(picture.placesOf(members));
