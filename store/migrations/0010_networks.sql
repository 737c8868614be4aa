-- Networks: what guests are connected to, who may reach them, and how they reach the outside.

create table network (
  id uuid primary key,
  project_id uuid not null references project,
  name text not null,
  cidr text not null,
  -- The VXLAN network identifier; one on a VLAN has it as well, for its name in the kernel. Given back
  -- when the network is deleted.
  vni integer not null,
  -- On this VLAN of the hosts' uplinks, instead of VXLAN.
  vlan integer check (vlan between 1 and 4094),
  domain text not null,
  created_at timestamptz not null,
  deleted_at timestamptz
);
create unique index network_by_name on network (project_id, name) where deleted_at is null;
create unique index network_by_vni on network (vni) where deleted_at is null;
create unique index network_by_vlan on network (vlan) where deleted_at is null;

-- A guest's connection to one network. Deleted, and its address with it, when the instance is expunged.
create table nic (
  id uuid primary key,
  instance_id uuid not null references instance,
  network_id uuid not null references network,
  -- 0 is the first that the guest sees.
  slot integer not null,
  address inet not null,
  mac text not null,
  -- Give it a public address of its own whenever it runs and nobody has attached one.
  is_public boolean not null default false,
  unique (network_id, address),
  unique (network_id, mac),
  unique (instance_id, slot)
);

-- At most one per network. It counts its generations as instances do: an older one has nothing to say.
create table router (
  network_id uuid primary key references network,
  host_id uuid not null references host,
  host_epoch integer not null,
  generation integer not null,
  -- As its host sees it; null before it has said anything of this generation.
  is_up boolean,
  since timestamptz not null,
  says text
);

-- What public addresses are taken from.
create table public_range (
  cidr text primary key,
  created_at timestamptz not null
);
create table public_address (
  address inet primary key,
  project_id uuid not null references project,
  -- `static`: kept until its owner gives it back. `automatic`: while its instance is meant to run.
  -- `router`: what the guests of a network come from, and what its ports are forwarded from.
  kind text not null check (kind in ('static', 'automatic', 'router')),
  name text,
  nic_id uuid unique references nic,
  network_id uuid unique references network,
  allocated_at timestamptz not null,
  check ((kind = 'router') = (network_id is not null)),
  check (kind = 'static' or nic_id is not null or network_id is not null)
);
create unique index public_address_by_name on public_address (project_id, name) where name is not null;

create table port_forward (
  id uuid primary key,
  network_id uuid not null references network,
  protocol text not null check (protocol in ('tcp', 'udp')),
  public_port integer not null check (public_port between 1 and 65535),
  nic_id uuid not null references nic,
  port integer not null check (port between 1 and 65535),
  created_at timestamptz not null,
  unique (network_id, protocol, public_port)
);

create table security_group (
  id uuid primary key,
  project_id uuid not null references project,
  name text not null,
  description text not null,
  created_at timestamptz not null,
  unique (project_id, name)
);
create table security_rule (
  id uuid primary key,
  group_id uuid not null references security_group on delete cascade,
  direction text not null check (direction in ('ingress', 'egress')),
  protocol text not null check (protocol in ('tcp', 'udp', 'icmp', 'any')),
  -- Null: every port.
  from_port integer check (from_port between 1 and 65535),
  to_port integer check (to_port between from_port and 65535),
  -- The other side: a network, or the members of a group.
  peer_cidr text,
  peer_group uuid references security_group,
  created_at timestamptz not null,
  check ((peer_cidr is null) <> (peer_group is null)),
  check ((from_port is null) = (to_port is null))
);
create index security_rule_by_group on security_rule (group_id);
create table nic_group (
  nic_id uuid not null references nic on delete cascade,
  group_id uuid not null references security_group,
  primary key (nic_id, group_id)
);
create index nic_group_by_group on nic_group (group_id);

-- The address that other hosts reach this one by, for the traffic between guests.
alter table host add column underlay inet;

-- What the rules of its networks were when it last looked, and since when. It mends them itself within seconds;
-- that they were not in force is remembered here, and each change is in the journal.
alter table host
  add column network_rules text not null default 'in-force'
    check (network_rules in ('in-force', 'bypassed', 'missing')),
  add column network_rules_since timestamptz;

grant select, insert, update, delete on
  nic, router, public_range, public_address, port_forward, security_group, security_rule, nic_group
  to holdfast_manager;
grant select, insert, update on network to holdfast_manager;
