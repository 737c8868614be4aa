/** One line for an entry of the journal, whatever it is about. */
import type { JournalView } from "@holdfast/cloud/journal/api";
import { eventLine } from "./lines.ts";
import type { Paint } from "./table.ts";
import { plain } from "./words.ts";

export const journalLine = (entry: JournalView, paint: Paint): string =>
  `${plain(entry.kind).padEnd(9)}${paint("dim", plain(entry.subject))}  ${eventLine(entry, paint)}`;
