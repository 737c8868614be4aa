-- Whether any host was off when its power controller was last asked is looked at every second.
create index host_bmc_off on host_bmc (host_id) where said = 'off';
