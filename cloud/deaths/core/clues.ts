/**
 * What an inquest looks for: each clue by name, with where it is looked for and why it matters.
 *
 * A clue is found or not found; it concludes nothing. That is the business of rules.ts, so that a rule can be
 * read aloud, and so that an inquest without a result can say what was sought.
 */
import { guestClues } from "./clues.guest.ts";
import { hostClues } from "./clues.hosts.ts";
import { processClues } from "./clues.process.ts";
import { recordClues } from "./clues.records.ts";

export const clues = { ...recordClues, ...hostClues, ...processClues, ...guestClues };

export type ClueName = keyof typeof clues;
export const clueNames = Object.keys(clues) as readonly ClueName[]; // The table's own keys.
