/**
 * Which code answers which action. One file for each noun of EC2; this puts them together and sees to what all of them
 * have in common: `DryRun`, and a refusal for what is not supported.
 */

import type { ProjectId } from "@holdfast/kernel/ids";
import type { Caller } from "@holdfast/kernel/route";
import { type ActionName, isAction } from "../core/actions.ts";
import { refuse, shortened, unsupported } from "../core/errors.ts";
import { type Fields, readInput } from "../core/parse.ts";
import type { Output } from "../core/xml.ts";
import { addressAnswers } from "./addresses.ts";
import { type Answers, type Call, type Ec2Deps, nativeOf } from "./call.ts";
import { dryDatabase, dryGate, wouldSucceed } from "./dry-run.ts";
import { encryptionAnswers } from "./encryption.ts";
import { groupAnswers } from "./groups.ts";
import { imageAnswers } from "./images.ts";
import { instanceAnswers } from "./instances.ts";
import { keyAnswers } from "./keys.ts";
import { networkAnswers } from "./networks.ts";
import { placeAnswers } from "./places.ts";
import { snapshotAnswers } from "./snapshots.ts";
import { tagAnswers } from "./tag-actions.ts";
import { typeAnswers } from "./types.ts";
import { volumeAnswers } from "./volumes.ts";

const answers: Answers = {
  ...instanceAnswers,
  ...placeAnswers,
  ...typeAnswers,
  ...tagAnswers,
  ...imageAnswers,
  ...keyAnswers,
  ...volumeAnswers,
  ...snapshotAnswers,
  ...addressAnswers,
  ...groupAnswers,
  ...networkAnswers,
  ...encryptionAnswers,
};

export interface Asked {
  readonly action: ActionName;
  readonly caller: Caller;
  readonly project: ProjectId;
  readonly fields: Fields;
  readonly region: string;
  readonly host: string;
  readonly requestId: string;
}

/** Refuses what is no action of ours, in words that say what is. */
export function actionOf(name: string | undefined): ActionName {
  if (name === undefined || name === "")
    throw refuse("MissingAction", "The request must contain the parameter Action");
  if (!/^[A-Za-z0-9]{1,100}$/.test(name))
    throw refuse(
      "InvalidAction",
      `The action ${shortened(name)} is not valid for this web service.`,
    );
  if (!isAction(name)) throw unsupported(`Holdfast does not support ${name}.`);
  return name;
}

export async function answer(deps: Ec2Deps, asked: Asked): Promise<Output<ActionName>> {
  const { action, caller, project, fields, requestId } = asked;
  const input = readInput(action, fields);
  const isDry = "DryRun" in input && input.DryRun === true;
  const gate = isDry ? dryGate(deps.gate) : deps.gate;
  const database = isDry ? dryDatabase(deps.database) : deps.database;
  const native = nativeOf(gate, caller, project, requestId);
  const call: Call = { ...deps, ...asked, gate, database, input, native };
  const act = answers[action] as ((call: Call) => Promise<Output<ActionName>>) | undefined; // Of its own name.
  if (!act) throw unsupported(`Holdfast does not support ${action} so far.`);
  const output = await act(call);
  if (isDry) throw wouldSucceed();
  return output;
}
