/**
 * Every limit and deadline of the platform: its default, its unit, what it means and where the number
 * comes from. What is not in this table cannot be set, and nothing else in the code is a limit.
 *
 * Values are read at the moment of use, so a change takes effect without a restart.
 */
import { aliasesShape } from "@holdfast/cloud/ec2";
import { isSupply } from "@holdfast/cloud/networks";
import { z } from "zod";
import { type Definition, number, text, whole } from "./definition.ts";

const planners = ["first-fit", "best-fit", "spread"] as const;
export type Planner = (typeof planners)[number];

/** Each allows what the one before it does. */
const reaches = ["public", "private", "local"] as const;
export type Reach = (typeof reaches)[number];

export const definitions = {
  "ec2.instance_types": text(
    "names",
    "t3.nano=small t3.small=medium m5.large=large",
    aliasesShape,
    "Names of instance types that EC2's clients use, and the types that they mean: `t3.nano=small t3.small=medium`.",
  ),
  "placement.planner": {
    unit: "name",
    byDefault: "spread" as Planner,
    meaning: "How a host is chosen among those that would do: first-fit, best-fit or spread.",
    shape: z.enum(planners),
  },
  "placement.cpu_overprovisioning": number(
    "factor",
    4,
    [0.1, 64],
    "A host offers its processor threads times this. Read at each choice; 4 is what Nova starts with.",
  ),
  "placement.memory_overprovisioning": number(
    "factor",
    1,
    [0.1, 8],
    "A host offers its memory times this. Above 1 the host can run out when its guests use what they have.",
  ),
  "hosts.heartbeat": number(
    "seconds",
    1,
    [0.1, 60],
    "How often an agent renews the lease of its host.",
  ),
  "hosts.lease": number(
    "seconds",
    5,
    [1, 300],
    "How long a host may go unheard before it is suspect and its instances are lost (not dead).",
  ),
  "hosts.kill_budget": number(
    "seconds",
    3,
    [0.1, 60],
    "How long the guard of a host may take, once the lease has run out, to end the guests that could be started elsewhere.",
  ),
  "hosts.watchdog": number(
    "seconds",
    10,
    [0.5, 300],
    "A host whose guard has not petted its watchdog for so long is reset by it. The lease, this and one second together are what proves a silent host dead without a word from it.",
  ),
  "hosts.software_watchdog": number(
    "0 or 1",
    0,
    [0, 1],
    "Whether a watchdog that is only software counts as a proof. A kernel that hangs hangs it too.",
  ),
  "hosts.flap_limit": whole(
    "times",
    3,
    [1, 100],
    "A host that falls silent so often within hosts.flap_window is used last, until it has been steady or an operator enables it.",
  ),
  "hosts.flap_window": number(
    "seconds",
    3_600,
    [1, 604_800],
    "Silences longer ago than this say nothing about a host any more.",
  ),
  "availability.brake": number(
    "share",
    0.3,
    [0, 1],
    "If more than this share of the hosts of a pod is silent at once, fencing stops and a person is asked. One host is always allowed.",
  ),
  "availability.zone_brake": number(
    "share",
    0.1,
    [0, 1],
    "The same for a zone, in which two hosts are always allowed.",
  ),
  "availability.power_retry": number(
    "seconds",
    2,
    [0.1, 300],
    "How soon a host that could not be switched off is tried again.",
  ),
  "availability.power_deadline": number(
    "seconds",
    5,
    [0.2, 60],
    "How long a controller may take to switch a host off and say that it is off.",
  ),
  "volumes.default_pool": text(
    "name",
    "local",
    /^[a-z][a-z0-9-]{0,30}$/,
    "The pool that volumes are made in when nothing else is asked for: local, or a shared one.",
  ),
  "volumes.most": whole(
    "volumes",
    1_000,
    [1, 1_000_000],
    "How many volumes with a name a project may have. Those that come with instances do not count.",
  ),
  "volumes.most_snapshots": whole(
    "snapshots",
    64,
    [1, 1_000],
    "How many snapshots a volume may have. Each makes looking at its file slower, and none its reads and writes.",
  ),
  "volumes.most_disks": whole(
    "disks",
    8,
    [1, 16],
    "How many disks an instance may have, its root volume among them. Each needs a slot of the guest's PCI bus.",
  ),
  "volumes.reserve": number(
    "share",
    0.05,
    [0, 0.9],
    "When less than this share of a pool is free nothing new is made in it: what guests write to the volumes they have comes first.",
  ),
  "volumes.nearly_full": number(
    "share",
    0.15,
    [0, 0.9],
    "When less than this share of a pool is free it is a trouble. Above the reserve, so that there is time to act.",
  ),
  "volumes.check_interval": number(
    "hours",
    168,
    [0, 8_760],
    "How often each volume is looked at for damage that nobody notices, such as a file that was cut short. 0: never.",
  ),
  "backups.place": text(
    "directory",
    "",
    /^$|^\/[A-Za-z0-9._/-]{1,200}$/,
    "Where backups are kept: a directory that every host reaches under this name, prepared with `holdfast backups prepare`. Empty: nowhere.",
  ),
  "instances.dependency_wait": number(
    "seconds",
    120,
    [0, 3_600],
    "How long a restart waits for the instances that it depends on, before it goes on without them.",
  ),
  "instances.provisioning_deadline": number(
    "seconds",
    900,
    [1, 86_400],
    "How long an instance may wait for its image.",
  ),
  "instances.starting_deadline": number(
    "seconds",
    120,
    [1, 3_600],
    "From the choice of a host to its word that the processors run. Then the start is undone and tried again.",
  ),
  "instances.boot_timeout": number(
    "seconds",
    180,
    [1, 3_600],
    "From running processors to the guest's own `holdfast: ready`, for images that say it. Then it is ended and started again.",
  ),
  "instances.stop_grace": number(
    "seconds",
    60,
    [0, 3_600],
    "How long a guest may take to shut down after its power button was pressed, before it is forced.",
  ),
  "instances.stop_force_deadline": number(
    "seconds",
    15,
    [1, 600],
    "How long a host may take to confirm that it has ended a guest's process.",
  ),
  "instances.reboot_grace": number(
    "seconds",
    30,
    [0, 3_600],
    "How long a guest may take to shut down for a reboot, before its reset button is pressed.",
  ),
  "instances.reboot_deadline": number(
    "seconds",
    30,
    [1, 600],
    "How long a host may take to carry out a reset, after the grace.",
  ),
  "instances.lost_page": number(
    "seconds",
    60,
    [1, 3_600],
    "How long an instance may be lost before a person is asked.",
  ),
  "instances.expunge_retry": number(
    "seconds",
    30,
    [1, 3_600],
    "How long a host may take to delete a volume before it is asked again.",
  ),
  "instances.undo_window": number(
    "seconds",
    86_400,
    [0, 31_536_000],
    "How long a destroyed instance can be taken back before its volume is deleted.",
  ),
  "instances.restart_budget": whole(
    "restarts",
    3,
    [0, 100],
    "How often automation starts an instance again within the window, before it is failed.",
  ),
  "instances.restart_window": number(
    "seconds",
    3_600,
    [1, 86_400],
    "What `restart_budget` counts within.",
  ),
  "migrations.preparing": number(
    "seconds",
    300,
    [1, 86_400],
    "From the choice of a destination to its word that it waits for the memory; it may have to fetch the image first.",
  ),
  "migrations.patience": number(
    "seconds",
    300,
    [1, 86_400],
    "How long a live migration may copy memory, at least; after two thirds of it the guest is slowed down.",
  ),
  "migrations.patience_per_gib": number(
    "seconds",
    100,
    [0, 86_400],
    "The same for each GiB of the guest's memory, if that is more.",
  ),
  "migrations.switching": number(
    "seconds",
    30,
    [1, 3_600],
    "How long the last step of a live migration may take, in which the guest stands still.",
  ),
  "migrations.aborting": number(
    "seconds",
    60,
    [1, 3_600],
    "How long the two hosts may take to say what has become of a live migration that was broken off.",
  ),
  "migrations.bandwidth": number(
    "Mbit/s",
    0,
    [0, 1_000_000],
    "How fast a live migration may send, if whoever asks for it does not say. 0: as fast as the network goes.",
  ),
  "migrations.network": text(
    "address and bits",
    "",
    /^(?:\d{1,3}(?:\.\d{1,3}){3}\/\d{1,2})?$/,
    "The network that live migrations go over, such as 10.8.0.0/24. Empty: that between the guests of hosts.",
  ),
  "manager.batch": whole(
    "instances",
    500,
    [1, 5_000],
    "How many instances a manager takes in hand in one transaction; up to four times as many of those that are due, but no more than 2,000, where more of them wait.",
  ),
  "manager.invariants": whole(
    "seconds",
    5,
    [0, 3_600],
    "How often one of the managers looks whether everything holds that always holds. 0: never. A look costs a few milliseconds, whatever the number of instances.",
  ),
  "manager.resync": number(
    "seconds",
    5,
    [0.5, 600],
    "How often a manager looks for work that nobody announced.",
  ),
  "manager.concurrent_jobs": whole(
    "jobs",
    10_000,
    [1, 1_000_000],
    "How many jobs may be under way in a project. More are refused until some are done.",
  ),
  "manager.instances_per_request": whole(
    "instances",
    1_000,
    [1, 10_000],
    "How many instances one request may ask for.",
  ),
  "agent.concurrent_starts": whole(
    "starts",
    4,
    [1, 64],
    "How many guests a host starts at the same time. Without KVM, two per processor thread is the most that helps.",
  ),
  "checks.interval": number(
    "seconds",
    10,
    [0.1, 300],
    "How often a host looks at its guests and tells how they are. EC2 looks once a minute.",
  ),
  "checks.failures": whole(
    "looks",
    2,
    [1, 100],
    "After so many failures in a row a status check has failed. One success makes it pass again.",
  ),
  "checks.stalled_io": number(
    "seconds",
    5,
    [0.1, 3_600],
    "Disk requests that are older than this without any being completed count as a failure of the volume check.",
  ),
  "checks.storage_latency": number(
    "seconds",
    2,
    [0.01, 300],
    "A host whose storage takes longer than this to keep 4 KiB fails the system check of what runs from it.",
  ),
  "alarms.recoveries_per_day": whole(
    "recoveries",
    3,
    [0, 100],
    "How often in 24 hours alarms may have one instance recovered elsewhere. EC2 allows three.",
  ),
  "alarms.webhook_reach": {
    unit: "name",
    byDefault: "public" as Reach,
    meaning:
      "Where webhooks may go: public (the internet), private (also private networks) or local (also the managers' own machines). Never to link-local addresses, where clouds keep credentials.",
    shape: z.enum(reaches),
  },
  "alarms.webhook_attempts": whole(
    "attempts",
    8,
    [1, 30],
    "How often a webhook is tried, with pauses that double from one second, before it is given up.",
  ),
  "networks.first_id": whole(
    "id",
    4_096,
    [1, 16_777_215],
    "The lowest VXLAN network identifier that is given out. VLAN ids end at 4094: above them a number that is seen on a wire means only one thing.",
  ),
  "networks.last_id": whole(
    "id",
    16_777_215,
    [1, 16_777_215],
    "The highest. A VXLAN header has 24 bits for it. Share them out where other VXLANs use the same hosts.",
  ),
  "networks.supply": {
    unit: "CIDR",
    byDefault: "10.16.0.0/12",
    meaning:
      "Networks made without a CIDR get the first /24 of this that their project has free: 4,096 by default. Offices and clouds mostly begin at 10.0, Kubernetes services are in 10.96.0.0/12 and Google's own networks in 10.128.0.0/9: this is none of them.",
    shape: z
      .string()
      .refine(isSupply, "must be a private network of at least a /24, such as 10.16.0.0/12"),
  },
  "networks.most_rules": whole(
    "rules",
    2_000,
    [1, 10_000],
    "How many rules one security group may have. A change of one sends all of them to its hosts again.",
  ),
  "events.notice": whole(
    "s",
    120,
    [0, 86_400],
    "How long owners are told before something of theirs is stopped for work on its host. EC2 warns its spot instances two minutes before.",
  ),
  "access.rate": number(
    "requests/s",
    1_000,
    [0, 100_000],
    "How many requests a second one access key or session may make. Of several managers each allows its part. 0: as many as it likes.",
  ),
  "access.burst": whole(
    "requests",
    5_000,
    [1, 1_000_000],
    "How many it may make at once before that counts.",
  ),
  "access.nobody_rate": number(
    "requests/s",
    100,
    [0, 100_000],
    "How often requests without a good key or session may come from one address (of IPv6: from one /64). Of several managers each allows its part. 0: as often as they like.",
  ),
  "access.nobody_burst": whole(
    "requests",
    2_000,
    [1, 1_000_000],
    "How many of them may come at once before that counts.",
  ),
  "access.proxies": text(
    "addresses",
    "",
    /^$|^[0-9a-f.:]{3,45}(?: [0-9a-f.:]{3,45}){0,15}$/,
    "Addresses of reverse proxies, with spaces, that are believed when they say whom they ask for (X-Forwarded-For) and that it came to them over TLS (X-Forwarded-Proto: https). Empty: nobody is.",
  ),
  "access.sign_ins": whole(
    "tries",
    5,
    [1, 10_000],
    "How many wrong passwords for one account cost nothing (from one address four times as many). Each further one makes the next wait twice as long.",
  ),
  "sessions.idle": number(
    "seconds",
    3_600,
    [10, 2_592_000],
    "A session that nobody has used for so long is over.",
  ),
  "sessions.longest": number(
    "seconds",
    43_200,
    [60, 7_776_000],
    "A session is over after this, however much it is used.",
  ),
  "audit.retention": whole(
    "days",
    365,
    [1, 3_650],
    "How long the audit log is kept. The last day can never be forgotten.",
  ),
  "images.largest": whole("GiB", 512, [1, 65_536], "The largest image that may be imported."),
  "images.keep_strays": whole(
    "seconds",
    3_600,
    [60, 604_800],
    "Bytes in the image store that belong to no image are removed after this: whoever brought them ended before it said so.",
  ),
} as const satisfies Record<
  string,
  Definition<never> | Definition<number> | Definition<string> | Definition<Planner>
>;
