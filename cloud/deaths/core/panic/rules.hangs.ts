/**
 * Nothing moves: a processor that loops, a task that waits, a device that never comes free.
 *
 * In a virtual machine a stall is a suspicion and not yet a fault of the guest: a virtual processor
 * that its host does not run looks the same from inside. The verdict weighs that, not these rules.
 */
import { type Culprit, callTrace, instruction } from "./frames.ts";
import type { Rule } from "./rule.ts";

const stuckProcessor: Culprit = { path: [instruction, callTrace, "trace"], pick: "looping" };

export const hangRules: readonly Rule[] = [
  {
    says: /^BUG: soft lockup/,
    class: "hang",
    title: "BUG: soft lockup in {f}",
    culprit: stuckProcessor,
    meaning:
      "A processor ran in the kernel for more than twenty seconds without letting others run.",
  },
  {
    says: /^Watchdog detected hard LOCKUP/,
    class: "hang",
    title: "hard lockup in {f}",
    culprit: stuckProcessor,
    meaning: "A processor ran in the kernel for ten seconds without taking interrupts.",
  },
  {
    says: /^BUG: workqueue lockup/,
    class: "hang",
    title: "BUG: workqueue lockup",
    meaning: "Work that the kernel had put off was not begun for half a minute.",
  },
  {
    says: /^INFO: rcu_(?:preempt|sched|bh|tasks|tasks_trace) (?:self-)?detected(?: expedited)? stall/,
    class: "hang",
    title: "INFO: rcu detected stall in {f}",
    culprit: {
      // The stack of the processor that noticed begins with the interrupt in which it noticed.
      path: [/apic_timer_interrupt/, instruction, "trace"],
      otherwise: [/apic_timer_interrupt|Exception stack|el1h_64_irq/, "trace"],
      skip: /apic_timer_interrupt|rcu/,
      pick: "looping",
    },
    meaning: "A processor did not pass a point of rest for longer than the kernel tolerates.",
  },
  {
    says: /^INFO: task .{0,200} blocked for more than [0-9]+ seconds/,
    class: "hang",
    title: "INFO: task hung in {f}",
    culprit: { path: [callTrace, "trace"], pick: "waiting" },
    meaning: "A task waited for minutes without a chance to be interrupted.",
  },
  {
    says: /^INFO: task .{0,200} can't die for more than [0-9]+ seconds/,
    class: "hang",
    title: "INFO: task can't die in {f}",
    culprit: { path: [callTrace, "trace"], skip: /schedule/ },
    meaning: "A task was killed and did not end.",
  },
  {
    says: /^unregister_netdevice: waiting for .{1,64} to become free/,
    class: "hang",
    title: "unregister_netdevice: waiting for DEV to become free",
    meaning: "A network device was removed, and somebody still holds it.",
  },
];
