/**
 * A fleet as rows: hosts, projects, and instances that run, written by SQL alone, so that a million of them are there
 * in a minute. What the platform would have written is what is written, but for the long history.
 *
 * `startFilled` begins a bench with one. Rows only: nobody is connected. `responder.ts` is who says that these hosts are there.
 */
import { connectDatabase, type Database } from "@holdfast/store/database";
import {
  registerEmptyImage,
  type Server,
  scratch,
  startManager,
  startServer,
  stop,
} from "./processes.ts";

export interface FleetSize {
  readonly hosts: number;
  readonly instances: number;
  /** Each has a network of its own. The first is `default`, and has as many instances as the others unless said. */
  readonly projects: number;
  /** Instances of the project `default`, whatever the others have. */
  readonly inDefault?: number;
  /** Where the volumes are: a pool that all hosts reach. Undefined: each on its own host's disks. */
  readonly pool?: string;
}

export const hostName = (number: number) => `host-${number}`;

export interface Filled {
  readonly directory: string;
  readonly server: Server;
  readonly database: Database;
}

/** A database with a fleet in it, and no manager yet. The programs must have been built. */
export async function startFilled(size: FleetSize): Promise<Filled> {
  const directory = await scratch();
  const server = await startServer(directory);
  const first = await startManager(directory, server);
  await registerEmptyImage(directory, first);
  await stop(first.pid);
  const database = connectDatabase({ url: server.url, connections: 2 });
  await fillFleet(database, size);
  return { directory, server, database };
}

/** Until all are connected nobody is to be called silent. */
export async function beSlowToWorry(database: Database): Promise<void> {
  await database.query(
    "insert into setting (name, value, changed_by) values ('hosts.lease', '300', 'bench')",
  );
  await database.query("update host_lease set renewed_at = now()");
}

/** Needs the image `tiny` and the default project and place: a manager that has been up. */
async function fillFleet(database: Database, size: FleetSize): Promise<void> {
  const { hosts, instances, projects, inDefault = Math.ceil(instances / projects) } = size;
  const others = Math.max(1, projects - 1);
  const alone = projects > 1 ? inDefault : instances;
  await database.query("create sequence if not exists fill_number");
  await database.query(
    `create or replace function fill_id(kind text, n bigint) returns uuid language sql immutable as
     $$ select ('0197a000-' || kind || '-7000-8' || lpad(to_hex(n >> 48), 3, '0') || '-' || lpad(to_hex(n), 12, '0'))::uuid $$`,
  );
  const run = (text: string, values: readonly unknown[] = []) => database.query(text, values);
  await run(
    `insert into host (id, name, cluster, state, mode, cpus, memory_mib, boot_id, underlay, facts, created_at)
     select fill_id('0001', n), 'host-' || n, 'default', 'up', 'enabled', 256, 262144, 'boot-' || n, '172.16.0.0'::inet + n,
       '{"acceleration":{"kind":"simulated","reason":"rows"},"kernel":"simulated","hypervisor":"simulated"}', now()
     from generate_series(1, $1::int) n on conflict do nothing`,
    [hosts],
  );
  await run(
    `insert into host_lease (host_id, renewed_at, manager, epoch, ends_by)
     select id, now(), 'nobody', 1, now() + interval '16 seconds' from host on conflict do nothing`,
  );
  await run(
    `insert into journal (at, kind, subject, event, from_state, to_state, actor)
     select now(), 'host', id, 'heard', 'suspect', 'up', 'holdfast' from host`,
  );
  await run(
    `insert into project (id, name) select fill_id('0002', n), 'project-' || n from generate_series(2, $1::int) n
     on conflict do nothing`,
    [projects],
  );
  await run(
    `create table fill_project as select row_number() over (order by name <> 'default', length(name), name) as n, id
     from project where name = 'default' or name like 'project-%'`,
  );
  await run(
    `insert into network (id, project_id, name, cidr, vni, domain, created_at)
     select fill_id('0003', n), id, 'main', '10.0.0.0/8', 100000 + n, 'internal', now() from fill_project`,
  );
  await run(
    `insert into router (network_id, host_id, host_epoch, generation, since)
     select fill_id('0003', n), fill_id('0001', n % ${hosts} + 1), 1, 1, now() from fill_project`,
  );
  await run(
    `insert into journal (at, kind, subject, event, generation, actor)
     select now(), 'network', fill_id('0003', n), 'routerPlaced', 1, 'holdfast' from fill_project`,
  );
  const wave = 50_000;
  for (let from = 0; from < instances; from += wave) {
    const to = Math.min(from + wave, instances);
    await database.transaction(async (sql) => {
      // One after the other, the first project's first; the rest in turns, over all hosts.
      await sql.query(
        `create temporary table fill on commit drop as
         select s.n, fill_id('0004', s.n) as instance, fill_id('0005', s.n) as volume, p.id as project, p.n as p,
           fill_id('0001', s.n % ${hosts} + 1) as host,
           case when s.n < ${alone} then s.n else (s.n - ${alone}) / ${others} end as place
         from generate_series(${from}::bigint, ${to - 1}::bigint) as s (n)
           join fill_project p on p.n = case when s.n < ${alone} then 1 else 2 + (s.n - ${alone}) % ${others} end`,
      );
      await sql.query(
        `insert into volume (id, project_id, image_id, state, size_bytes, host_id, created_at, pool)
         select volume, project, (select id from image where name = 'tiny'), 'ready', 1073741824, host, now(), $1 from fill`,
        [size.pool ?? "local"],
      );
      await sql.query(
        `insert into instance (id, project_id, name, type, cpus, memory_mib, image_id, volume_id, created_at, desired, state,
           generation, last_generation, home, last_host, request_id, version)
         select instance, project, 'vm-' || n, 'tiny', 1, 128, (select id from image where name = 'tiny'), volume, now(),
           'running', 'running', 1, 1, host, host, 'fill', 3 from fill`,
      );
      await sql.query(
        `insert into incarnation (instance_id, generation, host_id, host_epoch, phase, guest, asked_at, running_at, up_at)
         select instance, 1, host, 1, 'running', 'up', now(), now(), now() from fill`,
      );
      await sql.query(
        `insert into nic (id, instance_id, network_id, slot, address, mac)
         select fill_id('0006', n), instance, fill_id('0003', p), 0, '10.0.0.2'::inet + place,
           '52:54:' || lpad(to_hex((place >> 24) & 255), 2, '0') || ':' || lpad(to_hex((place >> 16) & 255), 2, '0')
             || ':' || lpad(to_hex((place >> 8) & 255), 2, '0') || ':' || lpad(to_hex(place & 255), 2, '0') from fill`,
      );
      await sql.query(
        `insert into journal (at, kind, subject, event, from_state, to_state, generation, actor, request_id)
         select now(), 'instance', instance, e.event, e.was, e.now, 1, 'operator', 'fill'
         from fill, (values ('created', null, 'provisioning'), ('resourcesReady', 'provisioning', 'stopped'),
           ('start', 'stopped', 'starting'), ('bootConfirmed', 'starting', 'running')) e (event, was, now)`,
      );
    });
  }
  await run(
    `update host h set reserved_cpus = d.count, reserved_memory_mib = d.count * 128
     from (select home, count(*)::int as count from instance where home is not null group by home) d where h.id = d.home`,
  );
  await run("drop table fill_project");
  await run("vacuum (analyze)");
}
