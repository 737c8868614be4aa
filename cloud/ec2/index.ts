/** What others may know of the EC2 API: which actions there are, and how their ids follow from ours. */

export { type Action, type ActionName, actionNames, actions, isAction } from "./core/actions.ts";
export { aliasesShape } from "./core/aliases.ts";
