/**
 * Everything that always holds, as one table: `holdfast invariants` prints it, docs/invariants.md is written from
 * it, the simulator asks it after every step and a manager every few seconds.
 *
 * A new rule goes into the table of its kind, with a planted violation that only it names in rules.test.ts.
 */

import { type Kind, kinds, type Moment, type Rule, type Sights, type Violation } from "./model.ts";
import { hostRules } from "./rules.hosts.ts";
import { instanceRules } from "./rules.instances.ts";
import { jobRules, networkRules, volumeRules, workRules } from "./rules.others.ts";

type Rules = { readonly [K in Kind]: readonly Rule<Sights[K][number]>[] };

export const rules: Rules = {
  instance: instanceRules,
  host: hostRules,
  job: jobRules,
  volume: volumeRules,
  network: networkRules,
  work: workRules,
};

/** What there is to say of each rule, in the order of the table. */
export const ruleList = kinds.flatMap((kind) =>
  rules[kind].map(({ name, says, why, grace }) => ({ name, kind, says, why, grace })),
);

/** What breaks a rule at this moment; whether it counts already is for whoever remembers. */
export type Broken = Omit<Violation, "since">;

export const judge = (sights: Sights, moment: Moment): readonly Broken[] => [
  ...broken("instance", rules.instance, sights.instance, moment),
  ...broken("host", rules.host, sights.host, moment),
  ...broken("job", rules.job, sights.job, moment),
  ...broken("volume", rules.volume, sights.volume, moment),
  ...broken("network", rules.network, sights.network, moment),
  ...broken("work", rules.work, sights.work, moment),
];

function broken<Sight extends { readonly id: string; readonly name?: string }>(
  kind: Kind,
  all: readonly Rule<Sight>[],
  sights: readonly Sight[],
  moment: Moment,
): readonly Broken[] {
  return sights.flatMap((sight) =>
    all.flatMap(({ name: rule, find }) =>
      find(sight, moment).map((says) => ({
        ...{ rule, kind, subject: sight.id, name: sight.name ?? sight.id },
        ...{ says, rows: sight },
      })),
    ),
  );
}
