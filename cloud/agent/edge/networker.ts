/**
 * Keeps the networks of one host as the last picture says, and tells what is.
 *
 * It looks now and then and mends what it finds broken, without being asked: a router whose processes were
 * killed, rules that somebody flushed. The picture is kept where a restart finds it, so all of that goes
 * on while no manager is there.
 */
import type { NetworksLook } from "@holdfast/cloud/hosts";
import type {
  NetworkParts,
  NetworkPeers,
  NetworkPicture,
  PortPicture,
  RouterPicture,
} from "@holdfast/cloud/networks";
import type { Facts, HostNetworks } from "@holdfast/drivers/network";
import type { NetworkId, NicId } from "@holdfast/kernel/ids";
import { Problem, problem } from "@holdfast/kernel/problem";
import { type Duration, seconds } from "@holdfast/kernel/time";
import { networkOf, type Surroundings } from "./network-of.ts";

/** Where the last picture is kept. */
export interface PictureShelf {
  load(): Promise<readonly NetworkPicture[] | undefined>;
  save(networks: readonly NetworkPicture[]): Promise<void>;
  close(): Promise<void>;
}

export interface NetworkerDeps extends Surroundings {
  readonly networks: HostNetworks;
  readonly shelf: PictureShelf;
  /** Something to tell the managers. They may not be there; it is told again. */
  readonly onLook: (look: NetworksLook) => void;
  readonly log: (message: string, about: Record<string, unknown>) => void;
}

export interface Networker {
  open(): Promise<void>;
  /** All of them. What is not among them is removed. */
  hear(networks: readonly NetworkPicture[]): void;
  /** All others stay as they were last heard. */
  hearChanges(changes: NetworkChanges): void;
  /**
   * Resolves when these can be plugged into and a picture that has them is written down, with what their guests should know
   * of them. Rejects with `network_not_ready` if they cannot be by `within`.
   */
  ready(nics: readonly NicId[], within: Duration): Promise<ReadonlyMap<NicId, { mtu: number }>>;
  /** The network and the port of a connection, as the last picture has them. */
  seatOf(nic: NicId): Seat | undefined;
  /** Resolves when what was heard last is written down, or could not be. */
  close(): Promise<void>;
}

export interface NetworkChanges {
  /** These are so now. */
  readonly networks: readonly NetworkPicture[];
  /** These are where they were heard of to be, but for the hosts that they have. */
  readonly peers: readonly NetworkPeers[];
  /** The same, but for these ports and guests. */
  readonly parts: readonly NetworkParts[];
  readonly gone: readonly NetworkId[];
}

export interface Seat {
  readonly network: NetworkPicture;
  readonly port: PortPicture;
}

/** A look is a few processes' work, and a router that is gone should be back before a guest gives up. */
const lookEvery = seconds(2);
const retryPause = seconds(1);
/** What has not changed is told again, in case nobody heard it. */
const tellEvery = seconds(10);

export function networker(deps: NetworkerDeps): Networker {
  const { networks: kernel, shelf, log } = deps;
  let wanted: readonly NetworkPicture[] = [];
  let applied: readonly NetworkPicture[] = [];
  /** As the shelf has it. */
  let kept: readonly NetworkPicture[] = [];
  /** The same, without the ports that what is being written does not have. */
  let written: readonly NetworkPicture[] = [];
  let saved: Promise<void> = Promise.resolve();
  let isSaving = false;
  let isSaveDue = false;
  let isUnkept = false;
  /** All of its ports are there, and none of them is about to go. */
  let plugged: readonly NetworkPicture[] = [];
  /** Of each picture that is being applied: what every picture that was heard since has as well. */
  const underWay = new Set<{ lasting: readonly NetworkPicture[] }>();
  let trouble: string | null = null;
  let told = "";
  let toldAgo = 0;
  let isOpen = true;
  let timer: NodeJS.Timeout | undefined;
  /** Whoever waits for ports. */
  const waiting = new Set<() => void>();

  return {
    async open() {
      const last = await shelf.load();
      if (last) {
        kept = last;
        written = last;
        await apply(last);
      }
      timer = setTimeout(() => void tend(), lookEvery);
    },
    hear,
    hearChanges({ networks, peers, parts, gone }) {
      const changed = new Set([...networks.map(({ id }) => id), ...gone]);
      const peersOf = new Map(peers.map((of) => [of.network, of]));
      const others = wanted.filter(({ id }) => !changed.has(id));
      const partsOf = new Map(parts.map((of) => [of.network, of]));
      const changedIn = (picture: NetworkPicture) =>
        withParts(withPeers(picture, peersOf.get(picture.id)), partsOf.get(picture.id));
      hear([...others.map(changedIn), ...networks]);
    },
    ready,
    seatOf(nic) {
      for (const network of wanted) {
        const port = network.ports.find((each) => each.nic === nic);
        if (port) return { network, port };
      }
      return undefined;
    },
    close() {
      isOpen = false;
      clearTimeout(timer);
      keep();
      return saved;
    },
  };

  function ready(
    nics: readonly NicId[],
    within: Duration,
  ): Promise<ReadonlyMap<NicId, { mtu: number }>> {
    return new Promise((resolve, reject) => {
      const look = () => {
        // What is plugged may be of a picture before, which says where they are and not what is carried there now.
        const there = networksOf(nics, plugged);
        const now = networksOf(nics, wanted);
        // An agent that begins anew makes what is written, and would pull out the cable of a guest whose port is not in it.
        const isWritten = networksOf(nics, written).size === nics.length;
        if (!isWritten || there.size < nics.length || now.size < nics.length) return;
        done();
        resolve(new Map([...now].map(([nic, { mtu }]) => [nic, { mtu }])));
      };
      const late = setTimeout(() => {
        done();
        reject(notReady(trouble, isUnkept));
      }, within);
      const done = () => {
        clearTimeout(late);
        waiting.delete(look);
      };
      waiting.add(look);
      look();
    });
  }

  function hear(networks: readonly NetworkPicture[]): void {
    const before = new Map(wanted.map((picture) => [picture.id, picture]));
    void apply(networks.map((picture) => withGroupsOf(before.get(picture.id), picture)));
  }

  /** Beside the making of ports: nobody is given one before it is written down. */
  function keep(): void {
    isSaveDue = true;
    if (isSaving || kept === wanted) return;
    isSaving = true;
    saved = save();
  }

  /** One after the other, and of those that come meanwhile only the newest. What fails is tried again with the next look. */
  async function save(): Promise<void> {
    while (isSaveDue && kept !== wanted) {
      isSaveDue = false;
      const mine = wanted;
      written = lastingOf(written, mine);
      try {
        await shelf.save(mine);
        kept = mine;
        written = mine;
        isUnkept = false;
        lookAgain();
      } catch (error) {
        isUnkept = true;
        log("could not keep the picture", { error });
        break;
      }
    }
    isSaving = false;
  }

  async function apply(networks: readonly NetworkPicture[]): Promise<void> {
    wanted = networks;
    plugged = lastingOf(plugged, networks);
    for (const one of underWay) one.lasting = lastingOf(one.lasting, networks);
    const mine = { lasting: networks };
    underWay.add(mine);
    try {
      const picture = { networks: networks.map((each) => networkOf(each, deps)) };
      const made = kernel.apply(picture, () => plug(mine.lasting));
      setImmediate(keep); // Nearly always the kernel has been asked by then.
      await made;
      trouble = null;
      applied = networks;
      plug(mine.lasting);
    } catch (error) {
      trouble = error instanceof Problem ? error.message : "They could not be made.";
      log("could not make the networks", { error });
      if (!isOpen) return;
      clearTimeout(timer);
      timer = setTimeout(() => void tend(), retryPause);
    } finally {
      underWay.delete(mine);
      keep();
    }
  }

  function plug(networks: readonly NetworkPicture[]): void {
    plugged = networks;
    lookAgain();
  }

  function lookAgain(): void {
    for (const look of [...waiting]) look();
  }

  async function tend(): Promise<void> {
    if (wanted.length > 0 || told !== "") {
      if (wanted !== applied) await apply(wanted);
      if (isUnkept) keep();
      await look().catch((error) => log("could not look at the networks", { error }));
    }
    if (!isOpen) return;
    clearTimeout(timer);
    timer = setTimeout(() => void tend(), lookEvery);
  }

  async function look(): Promise<void> {
    const facts = await kernel.look();
    tell(facts);
    if (isBroken(facts)) await apply(wanted);
  }

  function tell(facts: Facts): void {
    const look: NetworksLook = {
      problem: trouble,
      rules: facts.rules,
      routers: facts.routers.flatMap(({ network, generation, is, reason }) => {
        const mine = wanted.find(({ id }) => id === network)?.router;
        return mine
          ? [
              {
                network,
                generation: generation ?? mine.generation,
                isUp: is === "up" && generation === mine.generation,
                says: reason ?? null,
              },
            ]
          : [];
      }),
    };
    const text = JSON.stringify(look);
    toldAgo += lookEvery;
    if (text === told && toldAgo < tellEvery) return;
    told = text;
    toldAgo = 0;
    deps.onLook(look);
  }
}

const isBroken = ({ rules, routers, ports }: Facts) =>
  rules !== "in-force" ||
  routers.some(({ is }) => is !== "up") ||
  ports.some(({ is }) => is === "absent");

/** Without the ports that these networks do not have: theirs are removed soon, and come back only as others. */
function lastingOf(
  pictures: readonly NetworkPicture[],
  networks: readonly NetworkPicture[],
): readonly NetworkPicture[] {
  const nics = new Set(networks.flatMap(({ ports }) => ports.map(({ nic }) => nic)));
  return pictures.map((picture) => ({
    ...picture,
    ports: picture.ports.filter(({ nic }) => nics.has(nic)),
  }));
}

/** Those that each of these has a port in. */
function networksOf(
  nics: readonly NicId[],
  networks: readonly NetworkPicture[],
): ReadonlyMap<NicId, NetworkPicture> {
  const found = new Map<NicId, NetworkPicture>();
  for (const network of networks)
    for (const { nic } of network.ports) if (nics.includes(nic)) found.set(nic, network);
  return found;
}

/** The same groups are the same list, of which all that was made before is known. */
function withGroupsOf(before: NetworkPicture | undefined, picture: NetworkPicture): NetworkPicture {
  if (!before || before.groups === picture.groups) return picture;
  const isSame = JSON.stringify(before.groups) === JSON.stringify(picture.groups);
  return isSame ? { ...picture, groups: before.groups } : picture;
}

/** As the managers have the list: in order. */
function withPeers(picture: NetworkPicture, peers: NetworkPeers | undefined): NetworkPicture {
  if (!peers) return picture;
  const left = new Set([...peers.left, ...peers.joined]);
  const stay = picture.underlays.filter((address) => !left.has(address));
  return { ...picture, underlays: [...stay, ...peers.joined].sort() };
}

/** Ports as the managers have them: in order. */
function withParts(picture: NetworkPicture, parts: NetworkParts | undefined): NetworkPicture {
  if (!parts) return picture;
  const other = new Set([...parts.unplugged, ...parts.ports.map(({ nic }) => nic)]);
  const stay = picture.ports.filter(({ nic }) => !other.has(nic));
  return {
    ...picture,
    ports: [...stay, ...parts.ports].sort((a, b) => (a.nic < b.nic ? -1 : 1)),
    router: picture.router && { ...picture.router, guests: guestsWith(picture.router, parts) },
  };
}

/** Who is another stays in its place. */
function guestsWith(
  { guests }: RouterPicture,
  { guests: others, departed }: NetworkParts,
): RouterPicture["guests"] {
  if (others.length + departed.length === 0) return guests;
  const byAddress = new Map(guests.map((guest) => [guest.address, guest]));
  for (const address of departed) byAddress.delete(address);
  for (const guest of others) byAddress.set(guest.address, guest);
  return [...byAddress.values()];
}

function notReady(trouble: string | null, isUnkept: boolean): Problem {
  const untold = isUnkept
    ? "What this host was told of its networks could not be written down."
    : "The host has not been told of this instance's network in time.";
  return problem(
    "unavailable",
    "network_not_ready",
    trouble ? `The networks of this host could not be made: ${trouble}` : untold,
    { fix: "It is tried again by itself. See what is wrong now: holdfast health" },
  );
}
