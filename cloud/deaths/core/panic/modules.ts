/**
 * Which part of the kernel a function belongs to: a loadable module, or a folder of the kernel's source.
 *
 * The kernel names loadable modules in its stacks, and files only in warnings and bugs. For the rest
 * there is the habit that functions carry the name of their part; a name that fits no habit gets no part.
 */
import type { Frame } from "./frames.ts";

/** From the beginning of a name to the folder of the source it is usually found in. */
const habits: readonly (readonly [RegExp, string])[] = [
  [/^_*ext4_/, "fs/ext4"],
  [/^_*jbd2_/, "fs/jbd2"],
  [/^_*xfs_/, "fs/xfs"],
  [/^_*btrfs_/, "fs/btrfs"],
  [/^_*f2fs_/, "fs/f2fs"],
  [/^_*bch2?_/, "fs/bcachefs"],
  [/^_*nilfs_/, "fs/nilfs2"],
  [/^_*(?:ntfs|ni)_/, "fs/ntfs3"],
  [/^_*gfs2_/, "fs/gfs2"],
  [/^_*jffs2_/, "fs/jffs2"],
  [/^_*fscrypt_/, "fs/crypto"],
  [/^_*(?:nfs4?|nfsd)_/, "fs/nfs"],
  [/^_*fuse_/, "fs/fuse"],
  [/^_*(?:ovl)_/, "fs/overlayfs"],
  [/^_*(?:v9fs|p9)_/, "fs/9p"],
  [/^_*kernfs_/, "fs/kernfs"],
  [
    /^_*(?:(?:vfs|inode|dentry|d|path|mount|lookup)_|do_filp|fput|sget|new_inode|prepend_path|evict$|wb_workfn|exit_aio|destroy_unused_super)/,
    "fs",
  ],
  [/^_*(?:(?:blk|blkdev|bio|bdev|elv)_|submit_bio)/, "block"],
  [/^_*(?:io_uring|io_ring|io)_/, "io_uring"],
  [/^_*(?:do_)?(?:ip_set|ip_vs)_/, "net/netfilter"],
  [/^_*(?:do_)?(?:tcp|udp|ip|inet|icmp|arp|fib)_/, "net/ipv4"],
  [/^_*(?:do_)?(?:ip6|ipv6|inet6|tcp_v6|udpv6|udp6|esp6|fib6|ndisc|addrconf)_/, "net/ipv6"],
  [/^_*sctp_/, "net/sctp"],
  [/^_*tipc_/, "net/tipc"],
  [/^_*rds_/, "net/rds"],
  [/^_*mptcp_/, "net/mptcp"],
  [/^_*xfrm_/, "net/xfrm"],
  [/^_*(?:nf|nft|xt|ipt|ip6t|clusterip|nfnetlink)_/, "net/netfilter"],
  [/^_*(?:netlink|genl|nlmsg)_/, "net/netlink"],
  [/^_*(?:nfc|nci)_/, "net/nfc"],
  [/^_*l2tp_/, "net/l2tp"],
  [/^_*(?:tc|qdisc)_/, "net/sched"],
  [/^_*rfkill_/, "net/rfkill"],
  [/^_*(?:macvlan)_/, "drivers/net/macvlan"],
  [/^_*(?:ucma|cma|rdma|ib)_/, "drivers/infiniband"],
  [/^_*(?:ath9k|ath10k|ath11k)_/, "drivers/net/wireless/ath"],
  [/^_*(?:hci|l2cap|sco|rfcomm)_/, "net/bluetooth"],
  [/^_*(?:ieee80211|cfg80211|mac80211)_/, "net/wireless"],
  [/^_*(?:br)_/, "net/bridge"],
  [/^_*(?:skb|sk|sock|netif|netdev|dev|rtnl|rtnetlink|neigh|napi)_/, "net/core"],
  [/^_*(?:virtqueue|virtio|vring|vp)_/, "drivers/virtio"],
  [/^_*virtnet_/, "drivers/net/virtio_net"],
  [/^_*tun_/, "drivers/net/tun"],
  [/^_*(?:kvm|vmx|svm|vcpu)_/, "virt/kvm"],
  [/^_*(?:usb|usbhid|hub|hcd)_/, "drivers/usb"],
  [/^_*(?:snd)_/, "sound"],
  [/^_*(?:drm)_/, "drivers/gpu/drm"],
  [/^_*(?:(?:tty|n_tty|con|do_con|vt|vcs|console)_|flush_to_ldisc)/, "drivers/tty"],
  [/^_*(?:input|evdev)_/, "drivers/input"],
  [/^_*(?:scsi|sg|sd)_/, "drivers/scsi"],
  [/^_*(?:binder)_/, "drivers/android/binder"],
  [/^_*bpf_/, "kernel/bpf"],
  [/^_*(?:cgroup|css)_/, "kernel/cgroup"],
  [/^_*(?:perf)_/, "kernel/events"],
  [/^_*(?:rcu_|synchronize_(?:s?rcu|sched))/, "kernel/rcu"],
  [
    /^_*(?:(?:hrtimer|timer|tick|posix_cpu|rtc)_|run_timer|enqueue_timer|timerqueue)/,
    "kernel/time",
  ],
  [/^_*smp_/, "kernel/smp"],
  [/^_*(?:schedule|sched_|task_rq|migrate_task)/, "kernel/sched"],
  [/^_*(?:selinux|apparmor|security|tomoyo|smack|integrity|ima)_/, "security"],
  [/^_*(?:crypto|aead|skcipher|ahash|shash|hash|alg)_/, "crypto"],
  [
    /^_*(?:(?:kmem|slab|page|shmem|mmap|vma|pmd|pte|memfd)_|vmalloc|kmalloc|free_page|alloc_page)/,
    "mm",
  ],
];

/**
 * `heading` is the line that announced the fault; its file counts when it is the place of the fault and
 * not of the checker that noticed it.
 */
export function findModule(frame: Frame | undefined, heading: string): string | undefined {
  if (frame?.module) return frame.module;
  const file = frame && fileIn(frame.line.text, frame.name);
  if (file) return folder(file);
  const headed =
    /\b(?:at|BUG at) ([\w-]{1,60}(?:\/[\w.-]{1,60}){1,8}\.[chS]):\d/.exec(heading)?.[1] ??
    /^WARNING: ([\w-]{1,60}(?:\/[\w.-]{1,60}){1,8}\.[chS]):\d/.exec(heading)?.[1];
  const isNoticed =
    headed !== undefined &&
    /^(?:lib|mm\/(?:usercopy|slab|vmalloc|page_alloc)|kernel\/locking)/.test(headed);
  if (headed && !isNoticed && (!frame || heading.includes(frame.name))) return folder(headed);
  const name = frame?.name;
  return name === undefined ? undefined : habits.find(([habit]) => habit.test(name))?.[1];
}

/** The file behind a function, on consoles whose addresses somebody has looked up. */
function fileIn(text: string, name: string): string | undefined {
  const after = text.slice(
    text.indexOf(name) + name.length,
    text.indexOf(name) + name.length + 300,
  );
  return /^[^ ]{0,80} ([\w-]{1,60}(?:\/[\w.-]{1,60}){1,8}\.[chS]):\d/.exec(after)?.[1];
}

function folder(file: string): string {
  return file
    .replace(/^(?:\.\/)+/, "")
    .split("/")
    .slice(0, -1)
    .join("/");
}
