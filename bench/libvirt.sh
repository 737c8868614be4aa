#!/bin/bash
# The installed libvirtd, run for one bench in namespaces of its own: nothing of the host's libvirt is seen or
# changed. Set as lightly as it goes: no security driver, no cgroups, no mount namespaces, and an init that
# reaps at once, because libvirt's destroy waits for the zombie. Arguments go to libvirt-starts.py.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
exec unshare --mount --net --pid --fork --kill-child bash -c '
set -eu
here=$1; shift
ip link set lo up
mount -t proc proc /proc
for directory in /run /etc/libvirt /var/lib/libvirt /var/log/libvirt /var/cache/libvirt; do
  mkdir -p "$directory"
  mount -t tmpfs tmpfs "$directory"
done
cat > /etc/libvirt/qemu.conf <<SETTINGS
user = "root"
group = "root"
security_driver = "none"
cgroup_controllers = []
namespaces = []
stdio_handler = "file"
remember_owner = 0
SETTINGS
tr -d - < /proc/sys/kernel/random/uuid > /run/machine-id
touch /etc/machine-id
mount --bind /run/machine-id /etc/machine-id
printf "log_level = 4\nunix_sock_group = \"root\"\n" > /etc/libvirt/libvirtd.conf
/usr/sbin/libvirtd > /run/libvirtd.log 2>&1 &
for _ in $(seq 100); do
  [ -S /run/libvirt/libvirt-sock ] && break
  sleep 0.1
done
/usr/bin/python3 "$here/libvirt-starts.py" "$@" || { tail -5 /run/libvirtd.log >&2; exit 1; }
' libvirt "$here" "$@"
