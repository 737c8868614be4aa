/** What a process wires together to be a host. For apps/ and the simulated fleets only. */

export { dialler, fetchBlob, type Membership, pushBlob } from "./dial.ts";
export { type DiskKeeper, diskKeeper } from "./disks.ts";
export { type Examiner, type ExaminerDeps, examiner } from "./examiner.ts";
export { type Joined, join } from "./join.ts";
export { type Keeper, type KeeperDeps, keeper } from "./keeper.ts";
export {
  type Dial,
  type Epoch,
  type Link,
  type LinkDeps,
  openLink,
  type Terms,
  type Wire,
} from "./link.ts";
export { fileLoans, type LoanBook, memoryLoans } from "./loans.ts";
export { type Migrator, type MigratorDeps, migrator, type Order } from "./migrator.ts";
export { type Networker, type NetworkerDeps, networker, type PictureShelf } from "./networker.ts";
export { type Notebook, type NoteShelf, notebook } from "./notebook.ts";
export {
  arrivalEnded,
  type Crossing,
  type Destination,
  destinationUnreachable,
  type Expected,
  type Landed,
  noMigrationAddress,
  noPassage,
  type Passage,
  type Reception,
} from "./passage.ts";
export {
  fileNotes,
  filePicture,
  fileShelf,
  type Held,
  memoryNotes,
  memoryPicture,
  memoryShelf,
  type Shelf,
} from "./shelf.ts";
export { poolSpeeds, type Speeds } from "./speeds.ts";
export { type Standbys, type StandbysDeps, standbys } from "./standbys.ts";
export type { Published, Storage } from "./storage.ts";
export { type Storekeeper, storekeeper } from "./storekeeper.ts";
export { fileTemplates, memoryTemplates } from "./template-shelf.ts";
export { type TemplateShelf, type Templates, type TemplatesDeps, templates } from "./templates.ts";
