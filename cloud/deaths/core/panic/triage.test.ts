/**
 * Each row is a console, in the words of the kernel, and what is to be said about it. The logs are written
 * for these tests, in the formats of kernels from 4.4 to 6.19; the invariants are checked on all of them.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type FaultClass, faultClasses, type Layer, maxEvidence, triage } from "./triage.ts";

interface Expected {
  readonly class: FaultClass;
  readonly title: string;
  readonly function?: string;
  readonly module?: string;
  readonly layer?: Layer;
  readonly panicked?: boolean;
  readonly isCrash?: boolean;
}

/** The messages of a kernel with the times that it prints; a line that begins with "|" has none. */
function log(text: string, start = 4.5, step = 0.000_1): string {
  const rows = text.replace(/^\n/, "").replace(/\n *$/, "").split("\n");
  return rows
    .map((row, index) =>
      row.startsWith("|")
        ? row.slice(1)
        : `[${(start + index * step).toFixed(6).padStart(12)}] ${row}`,
    )
    .join("\n");
}

const boot = log(
  `Linux version 6.1.0-18-cloud-amd64 (debian-kernel@lists.debian.org) (gcc-12)
Command line: root=/dev/vda1 ro console=ttyS0 panic=1
virtio_blk virtio1: [vda] 4194304 512-byte logical blocks (2.15 GB/2.00 GiB)`,
  0,
  0,
);

const table: Readonly<Record<string, readonly [string, Expected]>> = {
  "init that ends takes the guest with it": [
    `${boot}
${log(`
Run /sbin/init as init process
Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000100
CPU: 0 PID: 1 Comm: init Not tainted 6.1.0-18-cloud-amd64 #1  Debian 6.1.76-1
Hardware name: QEMU Standard PC (Q35 + ICH9, 2009), BIOS 1.16.2-debian-1.16.2-1 04/01/2014
Call Trace:
 <TASK>
 dump_stack_lvl+0x44/0x5c
 panic+0x118/0x2ed
 do_exit.cold+0x15/0x15
 do_group_exit+0x2d/0x80
---[ end Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000100 ]---`)}`,
    {
      class: "init-died",
      title: "kernel panic: Attempted to kill init!",
      layer: "base-image",
      panicked: true,
    },
  ],
  "a root that is not there is the image's": [
    log(`
VFS: Cannot open root device "vdb1" or unknown-block(0,0): error -6
Please append a correct "root=" boot option; here are the available partitions:
Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)
CPU: 0 PID: 1 Comm: swapper/0 Not tainted 6.1.0-18-cloud-amd64 #1`),
    {
      class: "no-root-filesystem",
      title: "kernel panic: VFS: Unable to mount root fs on unknown-block(NUM,NUM)",
      layer: "base-image",
      panicked: true,
    },
  ],
  "a root that could not be read is ours": [
    log(`
blk_update_request: I/O error, dev vda, sector 2048 op 0x0:(READ) flags 0x0
VFS: Cannot open root device "vda1" or unknown-block(254,1): error -5
Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(254,1)`),
    {
      class: "no-root-filesystem",
      title: "kernel panic: VFS: Unable to mount root fs on unknown-block(NUM,NUM)",
      layer: "infrastructure",
      panicked: true,
    },
  ],
  "a crash that somebody asked for is not the kernel's": [
    log(`
sysrq: Trigger a crash
Kernel panic - not syncing: sysrq triggered crash
CPU: 1 PID: 412 Comm: bash Kdump: loaded Not tainted 6.1.0-18-cloud-amd64 #1
Call Trace:
 <TASK>
 dump_stack_lvl+0x44/0x5c
 panic+0x118/0x2ed
 sysrq_handle_crash+0x16/0x20
 __handle_sysrq.cold+0x43/0x11a
 write_sysrq_trigger+0x24/0x40`),
    {
      class: "requested",
      title: "kernel panic: sysrq triggered crash",
      layer: "application",
      panicked: true,
    },
  ],
  "an older kernel does the same with a pointer that is not set": [
    log(`
sysrq: SysRq : Trigger a crash
BUG: unable to handle kernel NULL pointer dereference at 0000000000000000
IP: sysrq_handle_crash+0x12/0x20
Oops: 0002 [#1] SMP
Call Trace:
 __handle_sysrq+0xa2/0x170
Kernel panic - not syncing: Fatal exception`),
    {
      class: "null-dereference",
      title: "BUG: unable to handle kernel NULL pointer dereference in sysrq_handle_crash",
      function: "sysrq_handle_crash",
      layer: "application",
      panicked: true,
    },
  ],
  "panic_on_oom stops a guest that has no memory left": [
    log(`
stress invoked oom-killer: gfp_mask=0x140dca(GFP_HIGHUSER_MOVABLE|__GFP_COMP|__GFP_ZERO), order=0, oom_score_adj=0
CPU: 0 PID: 833 Comm: stress Not tainted 6.1.0-18-cloud-amd64 #1
Call Trace:
 <TASK>
 dump_stack_lvl+0x44/0x5c
 dump_header+0x4a/0x211
Mem-Info:
Kernel panic - not syncing: Out of memory: system-wide panic_on_oom is enabled`),
    {
      class: "out-of-memory",
      title: "kernel panic: Out of memory: system-wide panic_on_oom is enabled",
      layer: "application",
      panicked: true,
    },
  ],
  "a killed program is no crash, and still worth saying": [
    log(`
stress invoked oom-killer: gfp_mask=0x140dca, order=0, oom_score_adj=0
oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),task=stress,pid=833,uid=0
Out of memory: Killed process 833 (stress) total-vm:2101004kB, anon-rss:451312kB`),
    {
      isCrash: false,
      class: "out-of-memory",
      title: "out of memory: a program was killed",
      layer: "application",
    },
  ],
  "a disk that fails is ours": [
    log(`
I/O error, dev vda, sector 8392704 op 0x1:(WRITE) flags 0x800 phys_seg 1 prio class 2
Buffer I/O error on dev vda1, logical block 1048832, lost async page write`),
    { isCrash: false, class: "disk-error", title: "disk error", layer: "infrastructure" },
  ],
  "a file system that stops the guest": [
    log(`
EXT4-fs error (device vda1): ext4_lookup:1855: inode #2: comm ls: deleted inode referenced: 131
Kernel panic - not syncing: EXT4-fs (device vda1): panic forced after error`),
    {
      class: "filesystem-corruption",
      title: "kernel panic: EXT4-fs (device vda1): panic forced after error",
      layer: "base-image",
      panicked: true,
    },
  ],
  "an error of the hardware is ours": [
    log(`
mce: [Hardware Error]: CPU 1: Machine Check Exception: 5 Bank 4: be00000000800400
Kernel panic - not syncing: Fatal machine check`),
    {
      class: "hardware",
      title: "kernel panic: hardware error (machine check)",
      layer: "infrastructure",
      panicked: true,
    },
  ],
  "a null pointer in a loadable module": [
    log(`
BUG: kernel NULL pointer dereference, address: 0000000000000018
#PF: supervisor read access in kernel mode
Oops: 0000 [#1] PREEMPT SMP NOPTI
CPU: 1 PID: 511 Comm: nc Tainted: G           OE      6.1.0-18-amd64 #1
RIP: 0010:frob_poll+0x2c/0x90 [frobnic]
Call Trace:
 <TASK>
 ? __die_body.cold+0x1a/0x1f
 ? other_thing+0x1/0x2
 do_sys_poll+0x1f4/0x5c0
Kernel panic - not syncing: Fatal exception`),
    {
      class: "null-dereference",
      title: "BUG: unable to handle kernel NULL pointer dereference in frob_poll",
      function: "frob_poll",
      module: "frobnic",
      layer: "base-image",
      panicked: true,
    },
  ],
  "a helper that was handed a bad pointer is not at fault": [
    log(`
BUG: unable to handle page fault for address: ffff888100000000
RIP: 0010:memcpy_erms+0x6/0x10
Call Trace:
 <TASK>
 _raw_spin_lock+0x10/0x20
 kfree_skb_reason+0x3a/0xb0
 tcp_ack_frob+0x1f/0x120
 tcp_rcv_established+0x21d/0x6d0`),
    {
      class: "bad-access",
      title: "BUG: unable to handle kernel paging request in tcp_ack_frob",
      function: "tcp_ack_frob",
      module: "net/ipv4",
      layer: "base-image",
    },
  ],
  "use after free, of whom the caller of memcpy is guilty": [
    log(`
==================================================================
BUG: KASAN: use-after-free in memcpy+0x1d/0x40
Read of size 8 at addr ffff88806f2a4b40 by task frobd/7781

CPU: 0 PID: 7781 Comm: frobd Not tainted 6.1.0 #1
Call Trace:
 dump_stack+0x1c9/0x220
 print_address_description+0x74/0x5c0
 kasan_report+0x25/0x50
 memcpy+0x1d/0x40
 xfs_frob_read+0x12a/0x3f0
 vfs_read+0x1a0/0x4d0
Allocated by task 7780:
 kmalloc_frob+0x20/0x30`),
    {
      class: "use-after-free",
      title: "KASAN: use-after-free Read in xfs_frob_read",
      function: "xfs_frob_read",
      module: "fs/xfs",
    },
  ],
  "out of bounds, on a kernel that marks its callers": [
    `[   21.000100][ T1234] BUG: KASAN: slab-out-of-bounds in btrfs_frob+0x5a/0x100
[   21.000150][  T777] audit: type=1400 audit(1600000000.1:2): avc: denied
[   21.000180][  T777]  innocent_bystander+0x12/0x34
[   21.000200][ T1234] Write of size 4 at addr ffff888012345678 by task mount/1234
[   21.000300][ T1234] Call Trace:
[   21.000400][ T1234]  btrfs_frob+0x5a/0x100`,
    {
      class: "out-of-bounds",
      title: "KASAN: slab-out-of-bounds Write in btrfs_frob",
      function: "btrfs_frob",
      module: "fs/btrfs",
    },
  ],
  "memory that was given back twice": [
    log(`
BUG: KASAN: double-free in kfree+0x9c/0x2a0
Call Trace:
 kfree+0x9c/0x2a0
 ovl_frob_free+0x12/0x30`),
    {
      class: "invalid-free",
      title: "KASAN: invalid-free in ovl_frob_free",
      function: "ovl_frob_free",
      module: "fs/overlayfs",
    },
  ],
  "a general protection fault, with what hid its function": [
    log(`
Oops: general protection fault, probably for non-canonical address 0xdffffc0000000003: 0000 [#1] PREEMPT SMP
RIP: 0010:sctp_frob_addr+0x18/0x40
Call Trace:
 sctp_sendmsg+0x1/0x2`),
    {
      class: "general-protection-fault",
      title: "general protection fault in sctp_frob_addr",
      function: "sctp_frob_addr",
      module: "net/sctp",
    },
  ],
  "a protection fault of a program is the program's": [
    log(
      "traps: frobd[321] general protection fault ip:7f01 sp:7ffd error:0 in libc.so.6[7f00+1000]",
    ),
    { isCrash: false, class: "none", title: "" },
  ],
  "a processor that loops: what it was asked to do, not where it was caught": [
    log(`
watchdog: BUG: soft lockup - CPU#1 stuck for 26s! [frobd:601]
CPU: 1 PID: 601 Comm: frobd Not tainted 6.1.0 #1
RIP: 0010:frob_inner+0x1f/0x30
Call Trace:
 frob_middle+0x11/0x20
 snd_frob_write+0x100/0x200
 vfs_write+0xb5/0x1a0
 ksys_write+0x5f/0xe0
 do_syscall_64+0x3b/0x90`),
    {
      class: "hang",
      title: "BUG: soft lockup in snd_frob_write",
      function: "snd_frob_write",
      module: "sound",
    },
  ],
  "a processor that was idle when it was stuck was not run by its host": [
    log(`
watchdog: BUG: soft lockup - CPU#0 stuck for 41s! [swapper/0:0]
RIP: 0010:native_safe_halt+0xe/0x10
Call Trace:
 default_idle+0xa/0x10
 do_idle+0x1f5/0x280
 cpu_startup_entry+0x19/0x20
 start_secondary+0x11/0x130`),
    {
      class: "hang",
      title: "BUG: soft lockup in do_idle",
      function: "do_idle",
      layer: "infrastructure",
    },
  ],
  "a task that waits for a disk waits for us": [
    log(`
INFO: task jbd2/vda1-8:161 blocked for more than 120 seconds.
      Not tainted 6.1.0-18-cloud-amd64 #1
"echo 0 > /proc/sys/kernel/hung_task_timeout_secs" disables this message.
task:jbd2/vda1-8     state:D stack:0     pid:161   ppid:2      flags:0x00004000
Call Trace:
 <TASK>
 __schedule+0x34d/0x9e0
 schedule+0x5a/0xd0
 io_schedule+0x42/0x70
 bit_wait_io+0xd/0x60
 jbd2_journal_commit_transaction+0x11d4/0x1a90 [jbd2]
 kjournald2+0xa9/0x280 [jbd2]`),
    {
      class: "hang",
      title: "INFO: task hung in jbd2_journal_commit_transaction",
      function: "jbd2_journal_commit_transaction",
      module: "jbd2",
      layer: "infrastructure",
    },
  ],
  "an RCU stall: the stack below the interrupt that noticed it": [
    log(`
rcu: INFO: rcu_sched self-detected stall on CPU
Call Trace:
 <IRQ>
 rcu_check_callbacks+0x1/0x2
 asm_sysvec_apic_timer_interrupt+0x1a/0x20
RIP: 0010:frob_spin+0x2/0x10
 br_frob_frame+0x12/0x20
 __netif_receive_skb_core+0x3d/0x40`),
    {
      class: "hang",
      title: "INFO: rcu detected stall in br_frob_frame",
      function: "br_frob_frame",
      module: "net/bridge",
    },
  ],
  "locks in the wrong order": [
    log(`
======================================================
WARNING: possible circular locking dependency detected
6.1.0 #1 Not tainted
frobd/55 is trying to acquire lock:
ffff88801 (&frob->mutex){+.+.}-{3:3}, at: fuse_frob_lock+0x2a/0x100
but task is already holding lock:
ffff88802 (&other){+.+.}-{3:3}, at: fuse_other+0x1/0x2`),
    {
      class: "deadlock",
      title: "possible deadlock in fuse_frob_lock",
      function: "fuse_frob_lock",
      module: "fs/fuse",
    },
  ],
  "sleeping where it is forbidden": [
    log(`
BUG: sleeping function called from invalid context at mm/slab.h:421
Call Trace:
 dump_stack+0x1/0x2
 ___might_sleep+0x1/0x2
 kmem_cache_alloc+0x1/0x2
 usb_frob_probe+0x77/0x80`),
    {
      class: "sleep-in-atomic",
      title: "BUG: sleeping function called from invalid context in usb_frob_probe",
      function: "usb_frob_probe",
      module: "drivers/usb",
    },
  ],
  "a warning, after which the guest went on": [
    log(`
------------[ cut here ]------------
WARNING: CPU: 0 PID: 12 at net/sched/sch_frob.c:525 frob_watchdog+0x207/0x210
Modules linked in: sch_frob
RIP: 0010:frob_watchdog+0x207/0x210
Call Trace:
 call_timer_fn+0x27/0x130`),
    {
      class: "warning",
      title: "WARNING in frob_watchdog",
      function: "frob_watchdog",
      module: "net/sched",
      panicked: false,
    },
  ],
  "a warning as 6.19 words it": [
    log(`
WARNING: fs/ext4/frob.c:99 at ext4_frob+0x20/0x30, CPU#1: umount/991
RIP: 0010:ext4_frob+0x20/0x30
Call Trace:
 ext4_put_super+0x1/0x2`),
    {
      class: "warning",
      title: "WARNING in ext4_frob",
      function: "ext4_frob",
      module: "fs/ext4",
    },
  ],
  "a reference count that its checker noticed": [
    log(`
WARNING: CPU: 1 PID: 77 at lib/refcount.c:28 refcount_warn_saturate+0x1d1/0x1e0
RIP: 0010:refcount_warn_saturate+0x1d1/0x1e0
Call Trace:
 kobject_put+0x1/0x2
 tun_frob_detach+0x40/0x60`),
    {
      class: "refcount",
      title: "WARNING: refcount bug in tun_frob_detach",
      function: "tun_frob_detach",
      module: "drivers/net/tun",
    },
  ],
  "BUG() with its file": [
    log(`
kernel BUG at fs/f2fs/frob.c:1917!
invalid opcode: 0000 [#1] SMP
RIP: 0010:f2fs_frob+0x12/0x34
Call Trace:
 f2fs_sync+0x1/0x2
Kernel panic - not syncing: Fatal exception`),
    {
      class: "bug",
      title: "kernel BUG in f2fs_frob",
      function: "f2fs_frob",
      module: "fs/f2fs",
      panicked: true,
    },
  ],
  "a division by zero": [
    log(`
divide error: 0000 [#1] SMP
RIP: 0010:drm_frob_mode+0x2/0x10`),
    {
      class: "divide-error",
      title: "divide error in drm_frob_mode",
      function: "drm_frob_mode",
      module: "drivers/gpu/drm",
    },
  ],
  "a race of two processors": [
    log("BUG: KCSAN: data-race in tcp_frob / tcp_poll_frob"),
    {
      class: "data-race",
      title: "KCSAN: data-race in tcp_frob / tcp_poll_frob",
      function: "tcp_frob",
      module: "net/ipv4",
    },
  ],
  "memory that nobody had written": [
    log(`
BUG: KMSAN: uninit-value in strlen+0x5e/0xa0
 strlen+0x5e/0xa0
 nilfs_frob_name+0x10/0x20
Uninit was created at:
 slab_post_alloc_hook+0x1/0x2`),
    {
      class: "uninitialised-value",
      title: "KMSAN: uninit-value in nilfs_frob_name",
      function: "nilfs_frob_name",
      module: "fs/nilfs2",
    },
  ],
  "an index beyond its array": [
    log(`
UBSAN: array-index-out-of-bounds in fs/jfs/frob.c:10:5
Call Trace:
 dump_stack+0x1/0x2
 ubsan_epilogue+0x1/0x2
 jfs_frob+0x7/0x8`),
    {
      class: "out-of-bounds",
      title: "UBSAN: array-index-out-of-bounds in jfs_frob",
      function: "jfs_frob",
    },
  ],
  "memory that was lost": [
    log(`
|BUG: memory leak
|unreferenced object 0xffff888107a2e000 (size 2048):
|  backtrace (crc 1a2b3c4d):
|    [<00000000aabbccdd>] kmalloc_trace+0x20/0x90
|    [<0000000011223344>] binder_frob_open+0x3c/0x91`),
    {
      class: "memory-leak",
      title: "memory leak in binder_frob_open",
      function: "binder_frob_open",
      module: "drivers/android/binder",
    },
  ],
  "a page that is in use and free at once": [
    log(`
BUG: Bad page state in process frobd  pfn:1a2b3
page last allocated via order 0, migratetype Unmovable, gfp_mask 0xcc0, pid 5
 post_alloc_hook+0x1/0x2
 __alloc_pages+0x1/0x2
 skb_frob_refill+0x5/0x6`),
    {
      class: "bad-page-state",
      title: "BUG: Bad page state in skb_frob_refill",
      function: "skb_frob_refill",
      module: "net/core",
    },
  ],
  "a stack that is used up": [
    log(`
BUG: TASK stack guard page was hit at ffffc90001a0fff8 (stack is ffffc90001a10000..ffffc90001a18000)
RIP: 0010:mark_lock+0x1/0x2
Call Trace:
 nf_frob_recurse+0x1/0x2
 do_syscall_64+0x1/0x2`),
    {
      class: "stack-overflow",
      title: "BUG: stack guard page was hit in nf_frob_recurse",
      function: "nf_frob_recurse",
      module: "net/netfilter",
    },
  ],
  "ARM prints caller and callee in one line": [
    log(`
|Unable to handle kernel paging request at virtual address fc14ef08
|Internal error: Oops: 5 [#1] SMP ARM
|PC is at memset+0x30/0xa8
|Backtrace:
|[<8015df40>] (memset) from [<801559ec>] (tty_frob_resize+0x4c/0xf8)
|[<801559ec>] (tty_frob_resize) from [<80155eb8>] (tty_ioctl+0x164/0x3a4)`),
    {
      class: "bad-access",
      title: "BUG: unable to handle kernel paging request in tty_frob_resize",
      function: "tty_frob_resize",
      module: "drivers/tty",
    },
  ],
  "a kernel in Rust, in readable names": [
    log(`
rust_kernel: panicked at drivers/frob.rs:60:5:
attempt to add with overflow
Call Trace:
 _RNvCs5_7___rustc17rust_begin_unwind+0x1/0x2
 _RNvXCs5_4frobNtB2_4FrobNtNtCs6_6kernel10miscdevice10MiscDevice4mmap+0x1/0x2
 _RNvNtCs5_4frob3dev4open+0x1/0x2`),
    {
      class: "bug",
      title: "attempt to add with overflow in <frob::Frob as kernel::miscdevice::MiscDevice>::mmap",
      function: "<frob::Frob as kernel::miscdevice::MiscDevice>::mmap",
    },
  ],
  "a report of which only the end was kept": [
    log("Kernel panic - not syncing: Fatal exception in interrupt"),
    { class: "panic", title: "kernel panic: Fatal exception", panicked: true },
  ],
  "a report of which only the beginning was kept": [
    log("WARNING: CPU: 0 PID: 1 at kernel/frob.c:1 frob+0x1/0x2"),
    { class: "warning", title: "WARNING in corrupted", module: "kernel", panicked: false },
  ],
  "a Go program that is the guest's only program": [
    log(`
|fatal error: all goroutines are asleep - deadlock!
|goroutine 1 [select (no cases)]:`),
    { class: "program-crash", title: "go runtime error", layer: "application" },
  ],
  "a kernel that starts again out of nothing": [
    log(`
eth0: link becomes ready
|Decompressing Linux... Parsing ELF... done.
|Booting the kernel.`),
    { class: "reboot", title: "unexpected kernel reboot" },
  ],
  "a guest that was only just switched on": [
    "SeaBIOS (version 1.16.2-debian-1.16.2-1)\nBooting from ROM..\nBooting the kernel.",
    { isCrash: false, class: "none", title: "" },
  ],
  "an ordinary console": [
    `${boot}\n${log("systemd[1]: Reached target multi-user.target\n|Debian GNU/Linux 12 guest ttyS0\n|guest login: ")}`,
    { isCrash: false, class: "none", title: "" },
  ],
  "warnings that are advice": [
    log(`
Spectre V2 : WARNING: Unprivileged eBPF is enabled with eIBRS on, data leaks possible via Spectre v2 BHB attacks!
INFO: NMI handler (perf_event_nmi_handler) took too long to run: 1.356 msecs
INFO: lockdep is turned off.
XFS (vda1): WARNING: Reset corrupted AGFL on AG 0. 1 blocks leaked.
frob: DEBUG: nothing
WARNING: this driver is old, do not expect much
|WARNING: apt does not have a stable CLI interface.
|INFO: cloud-init: finished`),
    { isCrash: false, class: "none", title: "" },
  ],
};

for (const [situation, [console, expected]] of Object.entries(table)) {
  test(situation, () => {
    const found = triage(console);
    assert.equal(found.title, expected.title);
    assert.equal(found.isCrash, expected.isCrash ?? true);
    assert.equal(found.class, expected.class);
    assert.equal(found.function, expected.function);
    if (expected.module !== undefined) assert.equal(found.module, expected.module);
    if (expected.layer) assert.equal(found.verdict?.layer, expected.layer);
    if (expected.panicked !== undefined) assert.equal(found.hasPanicked, expected.panicked);
    assert.equal(found.verdict === undefined, found.class === "none");
    assert.equal(found.lines.length === 0, found.class === "none");
  });
}

test("how init ended is said: an exit code, or a signal", () => {
  const died = (code: string) =>
    triage(log(`Kernel panic - not syncing: Attempted to kill init! exitcode=${code}`)).verdict
      ?.because;
  assert.match(died("0x00000100") ?? "", /exit code 1\./);
  assert.match(died("0x0000000b") ?? "", /signal 11\./);
});

test("the last boot that failed is the one that is asked about", () => {
  const first = log("Kernel panic - not syncing: sysrq triggered crash");
  const second = log("Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000100");
  assert.equal(triage(`${boot}\n${first}\n${boot}\n${second}`).class, "init-died");
  assert.equal(triage(`${boot}\n${first}\n${boot}\n`).class, "requested");
});

test("a panic of its own, long after a fault that was survived, is what ended the guest", () => {
  const [warning] = table["a warning, after which the guest went on"] ?? [""];
  const panic = "Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000100";
  assert.equal(triage(`${warning}\n${log(panic, 4_000)}`).class, "init-died");
  assert.equal(triage(`${warning}\n${log(panic, 5)}`).class, "warning");
  const consequence = "Kernel panic - not syncing: panic_on_warn set ...";
  assert.equal(triage(`${warning}\n${log(consequence, 4_000)}`).class, "warning");
});

test("lines and one text are the same console", () => {
  for (const [console] of Object.values(table))
    assert.deepEqual(triage(console.split("\n")), triage(console));
});

test("ten megabytes of anything cost seconds at most, and no exception", () => {
  const size = 10 * 1024 * 1024;
  const fill = (text: string) => text.repeat(Math.ceil(size / text.length));
  const hostile = [
    fill("BUG: WARNING: INFO: at: [ 1.0] "),
    fill("[    1.0] WARNING: at at at lib/debugobjects.c lib/debugobjects.c\n"),
    fill("[    1.0][   T1] BUG: KASAN: \n"),
    fill("[    1.0] BUG: soft lockup\n[    1.0] Call Trace:\n[    1.0]  a+0x1/0x2\n"),
    `[    1.0] INFO: task a blocked for more than 9 seconds\n${fill("[<1111>] [<2222>] a.b.c+0x")}`,
    fill("\u001b[[[[[[[[;;;;;;"),
    Array.from(
      { length: 200_000 },
      (_, n) => `[    1.0][ T${n}] WARNING: a wording of our own`,
    ).join("\n"),
  ];
  for (const console of hostile) {
    const begun = process.cpuUsage();
    triage(console);
    const { user, system } = process.cpuUsage(begun);
    // It takes one or two; what this guards against is minutes.
    assert.ok((user + system) / 1e6 < 20, `${(user + system) / 1e6} s: ${console.slice(0, 60)}`);
  }
});

const consoles = fc.constantFrom(...Object.values(table).map(([console]) => console));
const fragment = fc.constantFrom(
  ..."BUG:|WARNING:|INFO:| at |Call Trace:|\n|[    1.0]|[ T1] | in |memcpy+0x1/0x2|<|>|(|)|\u001b[0m|\r|Kernel panic - not syncing: |:".split(
    "|",
  ),
);

test("it never throws, always gives the same answer, and quotes no more than it says", () => {
  const anything = fc.oneof(
    fc.string(),
    fc
      .array(fc.oneof(fragment, fc.string({ maxLength: 12 })), { maxLength: 60 })
      .map((all) => all.join("")),
    fc.tuple(consoles, fc.nat(), fc.string()).map(([text, at, noise]) => {
      const cut = at % (text.length + 1);
      return text.slice(0, cut) + noise + text.slice(cut);
    }),
  );
  fc.assert(
    fc.property(anything, (console) => {
      const found = triage(console);
      assert.deepEqual(triage(console), found);
      assert.ok(found.lines.length <= maxEvidence);
      assert.ok(found.class in faultClasses);
      assert.ok(found.title.length <= 120);
      assert.equal(found.verdict === undefined, found.class === "none");
    }),
    { numRuns: 500 },
  );
});

test("times, levels, callers, colours, line ends and what came before change nothing", () => {
  const noise = fc.array(
    fc.constantFrom(
      "[    0.100000] pci 0000:00:02.0: BAR 0: assigned",
      "[    0.200000] usb 1-1: new high-speed USB device",
      "Starting Frob Daemon...",
      "[  OK  ] Reached target Frob.",
      "",
    ),
    { maxLength: 20 },
  );
  const time = /^\[ *(\d+\.\d+)\](?! *\[)/gm;
  const disguises: Readonly<Record<string, (text: string) => string>> = {
    "carriage returns": (text) => text.replaceAll("\n", "\r\n"),
    colours: (text) => text.replace(/^(.+)$/gm, "\u001b[1;31m$1\u001b[0m"),
    levels: (text) => text.replace(time, "<3>$&"),
    "a day later": (text) =>
      text.replace(time, (_, seconds) =>
        Number(seconds) === 0 ? _ : `[${(Number(seconds) + 86_400).toFixed(6)}]`,
      ),
    "a syslog": (text) => text.replace(time, "Nov 21 14:00:00 guest kernel: $&"),
    callers: (text) => text.replace(time, "$&[    T1]"),
    processors: (text) => text.replace(time, "$&[    C0]"),
    "a login prompt": (text) => text.replace(time, "guest login: $&"),
  };
  const some = fc.subarray(Object.keys(disguises).filter((name) => name !== "a login prompt"));
  const { "a warning, after which the guest went on": _, ...rest } = table;
  const faults = Object.values(rest).filter(
    ([, { isCrash, title }]) => isCrash !== false && title !== "unexpected kernel reboot",
  );
  fc.assert(
    fc.property(fc.constantFrom(...faults), some, noise, ([console], names, before) => {
      // Two marks for one line, or a mark behind a syslog, do not happen.
      const isMarked = names.includes("callers") && names.includes("processors");
      const wanted = names.filter((name) => !(isMarked && name === "processors"));
      const order = [
        "callers",
        "processors",
        "a day later",
        "levels",
        "a syslog",
        "colours",
        "carriage returns",
      ];
      const changed = order
        .filter((name) => wanted.includes(name))
        .reduce((text, name) => disguises[name]?.(text) ?? text, console);
      const { lines: quoted, ...expected } = triage(console);
      const { lines, ...found } = triage([...before, changed].join("\n"));
      assert.deepEqual(found, expected);
      assert.equal(lines.length, quoted.length);
    }),
    { numRuns: 1_000 },
  );
});
