/**
 * Functions that are never at fault, because they only noticed, or did as they were told.
 *
 * `memcpy` that reads beyond an object was told a wrong length; `mutex_lock` on freed memory was handed
 * a dead object. The fault is in the first caller that is not in these tables. The names are families:
 * a new `kmalloc_something` needs no new row. Rows are matched anywhere in a name unless they say `^` or `$`.
 */

import { readable } from "./symbols.ts";

const helperFamilies: Readonly<Record<string, readonly string[]>> = {
  "detectors and the reports that they print": [
    "kasan|hwasan|kmsan|__[am]san|__sanitizer|kcsan_setup_watchpoint|check_memory_region|logic_(?:in|out)",
    "check_heap_object|check_object|print_address_description|print_report|print_usage_bug|print_tainted",
    "panic|report_bug|fixup_bug|invalid_op|do_error|_trap$|do_trap|assertfail|__fortify_report",
    "warn_(?:slowpath|alloc|bogus)|__warn|debug_object|(?:timer|work)_is_static_object|^get_taint$",
    "show_stack|dump_(?:stack|backtrace)|walk_stack|arch_stack_walk|stack_trace_(?:save|consume_entry)",
    "program_check_(?:exception|common)|hex_dump_to_buffer|print_hex_dump",
    "do_(?:kernel|translation)_fault|do_mem_abort|el1_abort|el1h_64_sync",
    "__phys_addr|read_word_at_a_time|(?:read|write)_once_.*nocheck",
  ],
  "checks of the rules of locking, and locks": [
    "lockdep|lock_(?:acquire|release|class)|mark_lock|(?:reacquire|mark)_held_locks",
    "print_unlock|imbalance_bug|(?:trace|lockdep)_(?:hard|soft)irq|perf_trace|seqprop_assert",
    "bh_(?:en|dis)able|raw_spin_rq|spin_(?:try|un)?lock|(?:read|write)_(?:try|un)?lock",
    "^down$|down_(?:read|write|trylock)|up_(?:read|write)|^(?:__|rt_)?mutex_",
    "owner_on_cpu|osq_(?:un)?lock|^(?:un)?lock_page|__might_resched|might_(?:sleep|fault)",
  ],
  "counters, lists and trees in somebody else's object": [
    "atomic(?:64)?_(?:dec|inc|read|set|or|xor|and|add|sub|fetch|xchg|cmpxchg|try)",
    "(?:set|clear|change|test)_bit|^refcount_|^kref_|ref_tracker",
    "list_(?:add|del|replace|move|splice)|^klist_|^(?:__)?rb_|xas_(?:start|load|find)|rhashtable_lookup",
  ],
  "copying, comparing and printing": [
    "mem(?:cpy|cmp|set|chr|move|dup)|str(?:n?cmp|[ln]?cpy|scpy|n?len|n?str|chr|n?dup)",
    "copy_(?:to|from)_(?:user|iter)|copy_(?:page|folio)_(?:to|from)_iter|^copy(?:in|out)$",
    "(?:put|get)_user|extract_(?:user|iter)_to_sg|^crc\\d|crc_itu_t",
    "string|pointer|s(?:c?n)printf|kv?asprintf|printk|va_format",
    "dev_(?:info|notice|warn|err|alert|crit|emerg)|_indirect_thunk_|(?:read|write)[bwlq]$",
  ],
  "getting and giving back memory and references": [
    "alloc_page|k?v?[mzc]alloc|krealloc|kmem_cache|allocate_slab|__alloc_frozen_pages|slab_",
    "folio_(?:alloc|unlock)|filemap_(?:alloc|get)_folio|find_or_create_page|read_cache_(?:folio|page)",
    "pagecache_get_page|grab_cache_page_write_begin|find_lock_entries|truncate_inode_pages_range",
    "^kv?free$|kfree_skb|ida_free|^iput(?:_final)?$|^ihold$|drop_nlink|dput|^put_device$",
  ],
  "waiting and waking, timers and work that belongs to somebody": [
    "__wake_up|^complete$|wait_for_completion|finish_wait|kthread_stop|cleanup_srcu_struct",
    "del_timer|lock_timer_base|__timer_delete_sync|sk_stop_timer_sync|__mod_timer",
    "flush_work|cancel_work_(?:sync|timer)|try_to_grab_pending|(?:drain|destroy)_workqueue",
    "queue_(?:delayed_)?work|insert_work",
  ],
  "the device model, through which every driver comes and goes": [
    "kobject_|add_uevent_var|get_device_parent|device_(?:add|del|unregister|destroy|release)",
    "device_(?:for_each_child|remove_file)|devres_release_all|sysfs_remove|tty_unregister_device",
    "hwrng_unregister|i2c_del_adapter|__unregister_client|rollback_registered|unregister_netdev",
    "dummy_urb_enqueue|usb_kill_(?:urb|anchored_urbs)|usb_control_msg|usb_(?:hcd_)?submit_urb",
  ],
};

const helper = new RegExp(Object.values(helperFamilies).flat().join("|"));

/** Whether a function is never at fault itself. */
export function isHelper(name: string): boolean {
  return helper.test(name);
}

/** Wrappers that carry the name of the system call that they wrap. */
const callWrapper =
  /^(?:SYSC_|SyS_|sys_|_{2,4}sys_|__do_sys_|ksys_|compat_(?:SYSC|SyS)_|__(?:x64|ia32|arm64|se)_)/;

/** One name for one function: without the wrapper of a system call, which differs between kernels. */
export function plainName(symbol: string): string {
  return readable(symbol).replace(callWrapper, "");
}

/**
 * Where the kernel hands control to somebody: the frame above is who loops.
 *
 * A stuck processor is caught at a random instruction of its loop, so that the top of its stack differs
 * each time. What stays is the function that was called last by one of these.
 */
const dispatchers = new RegExp(
  [
    "process_one_work|do_(?:fast_)?syscall_|sysenter_dispatch|tracesys_phase2|el0_svc_handler",
    "invoke_syscall|ret_fast_syscall|netif_receive_skb|do_softirq|call_timer_fn|_run_timers",
    "run_timer_softirq|hrtimer_run|run_ksoftirqd|smpboot_thread_fn|^kthread$|start_secondary",
    "cpu_startup_entry|ret_from_fork|tasklet_(?:hi_)?action|smp_call_function",
    // System calls that lead everywhere: what they lead to is the answer.
    "vfs_(?:iter_)?(?:read|write)|do_iter_(?:read|write)|call_(?:read|write)_iter|new_sync_(?:read|write)",
    "vfs_ioctl|ksys_ioctl|compat_(?:sys_)?ioctl|blkdev_(?:driver_)?ioctl|^call_mmap|mmap_region|do_mmap",
    "do_dentry_open|vfs_open|^sock_(?:sendmsg|recvmsg|mmap|(?:do_)?ioctl)|^(?:__)?sock_release",
    "^compat_sock_ioctl|^(?:setsockopt|listen|accept)$|kernel_(?:setsockopt|listen|accept)",
    "sock_common_setsockopt|sk_common_release|^(?:nf|rt)netlink_rcv_msg|^netlink_dump",
    "^(?:sys_)?(?:socketpair|connect|ioctl)",
    "__do_fault|do_page_fault|^page_fault$|__fput|task_work_run|exit_to_usermode",
  ].join("|"),
);

export function isDispatcher(name: string): boolean {
  return dispatchers.test(name);
}
