#!/bin/sh
# The last step of building Debian 12, inside the new root: what is on, how it boots, and that nothing in it
# is the same in two guests. $1 is the UUID of its file system.
set -eu
uuid=$1
export LC_ALL=C

# What was made today is dated like the newest of Debian's own lists, see build.ts.
sed -n 's/^Date: //p' /var/lib/apt/lists/*Release | while read -r day; do date -d "$day" +%s; done |
  sort -n | tail -n 1 >/holdfast-epoch

systemctl --quiet enable systemd-networkd systemd-resolved holdfast-ready serial-getty@ttyS0
# No screen, no LVM, and nobody who would install what is found to be new.
systemctl --quiet disable getty@tty1 apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer e2scrub_reap
systemctl --quiet disable systemd-pstore
mkdir -p /var/log/journal

echo "UUID=$uuid / ext4 defaults,noatime,errors=remount-ro,x-systemd.growfs 0 1" >/etc/fstab
echo debian >/etc/hostname
cat >/etc/apt/sources.list <<'END'
deb http://deb.debian.org/debian bookworm main
deb http://deb.debian.org/debian bookworm-updates main
deb http://deb.debian.org/debian-security bookworm-security main
END

# The loader that the firmware starts: it finds its files on the first partition of the disk that it came from.
mkdir -p /boot/grub/i386-pc
cp /usr/lib/grub/i386-pc/*.mod /usr/lib/grub/i386-pc/*.lst /boot/grub/i386-pc/
grub-mkimage -O i386-pc -o /boot/grub/i386-pc/core.img -p '(,gpt1)/boot/grub' \
  biosdisk part_gpt ext2 normal configfile linux echo serial terminal
. /etc/default/grub.d/holdfast.cfg
# update-grub replaces this at the next kernel. It cannot be used here: it looks for the disk of this root.
cat >/boot/grub/grub.cfg <<END
serial --unit=0 --speed=115200
terminal_input serial
terminal_output serial
set timeout=0
linux /vmlinuz root=UUID=$uuid ro $GRUB_CMDLINE_LINUX $GRUB_CMDLINE_LINUX_DEFAULT
initrd /initrd.img
boot
END

rm -f /etc/ssh/ssh_host_* /etc/dpkg/dpkg.cfg.d/99mmdebstrap /var/lib/dbus/machine-id /var/lib/systemd/random-seed
rm -rf /var/cache/ldconfig/* /var/cache/debconf/*-old /var/lib/dpkg/*-old
find /var/log -type f -delete
