/** The matrix for people: the page that is published, and what a run prints. */
import { broken, type Row } from "./matrix.ts";
import { elsewhere } from "./operations/covered.ts";
import { asBefore, asWithout } from "./trial.ts";

const sum = (row: Row, isMeant: (came: Row["came"][number]) => boolean) =>
  row.came.filter(isMeant).reduce((count, { times }) => count + times, 0);

/** Ends that are neither of the two usual ones, nor wrong. */
const othersOf = (row: Row) =>
  [...new Set(row.came.map(({ to }) => to))].filter(
    (to) => to !== asWithout && to !== asBefore && to !== broken,
  );

const pointsOf = ({ points, of }: Row) => (points === of ? points : `${points} of ${of}`);

export function lineOf(row: Row): string {
  const of = (process: string) => sum(row, (came) => came.process === process);
  const to = (end: string) => sum(row, (came) => came.to === end);
  const others = othersOf(row).map((end) => `${to(end)} ${end}`);
  return `| \`${row.operation}\` | ${pointsOf(row)} | ${of("manager")} | ${of("agent")} | ${of("guard")} | ${to(asWithout)} | ${to(asBefore)} | ${others.join("; ")} | ${to(broken)} | ${row.slowestSeconds} |`;
}

export const heading = `| operation | points | manager | agent | guard | as without | as before | otherwise | broken | slowest, s |
|---|---|---|---|---|---|---|---|---|---|`;

export function pageOf(rows: readonly Row[]): string {
  const total = rows.reduce((count, { points }) => count + points, 0);
  const all = rows.reduce((count, row) => count + row.of, 0);
  const wrong = rows.flatMap((row) =>
    row.came
      .filter(({ to }) => to === broken)
      .map(
        ({ process, does, moment }) => `- \`${row.operation}\`: ${process}, ${moment} it ${does}`,
      ),
  );
  return `# The crash matrix

<!-- Written from crash-matrix.json by \`node --import tsx tools/crash-matrix.ts\`; do not edit. -->

Every operation of several steps, and every point of it at which a process can end: before each statement that writes,
before and after each commit, before and after each message is sent and when it is heard, before and after each thing that an
agent does to its host, a guard to a guest or a manager to a power controller. At each of these points the process is
killed and started again by its supervisor. Then everything must come to rest, and it is compared with a run in which
nothing was killed: **${rows.length} operations, ${total === all ? total : `${total} of ${all}`} points, ${wrong.length === 0 ? "none of them broken" : `${wrong.length} kinds of points broken`}**.

\`\`\`sh
npm run matrix                                  # all of it, and this page again: about half an hour on a quiet machine
holdfast sim --matrix --operation deploy        # one operation; again with --point N for the whole story of one point
\`\`\`

What is looked at is what the simulator always looks at (docs/simulator.md), and: nothing is under way any more, no job,
task, migration or event; databases, disks and hosts know of the same volumes, snapshots, machines and images; there is as much
of everything as without the crash; and every user was told what became of what they asked for. In the end all is
destroyed and expunged, and nothing may be left.

- **points**: all that there are, or so many of them, evenly spread, where a pass was given a limit (\`--most\`).
- **as without**: the same as if nothing had been killed, and users were told so.
- **as before**: it did not happen, nothing is left of it, and users were told so. That is how moves end whose host loses
  its agent on the way.
- **otherwise**: another end that is right, in words.
- **slowest**: from the request to rest, in seconds of the world, at the slowest point.

${heading}
${rows.map(lineOf).join("\n")}
${wrong.length > 0 ? `\n## Broken\n\n${wrong.join("\n")}\n` : ""}
Not in it are the routes ${elsewhere.map((name) => `\`${name}\``).join(", ")}: one statement each, and before that a
password is hashed in real time. What comes in by another door (EC2's) is carried out by the same code as what is in it.

Which points these are and what came of each is in \`crash-matrix.json\`. A sample of them is also tried on real
processes and a real PostgreSQL, with real kills: \`test/real-crashes.test.ts\`. Why it is done this way is in
\`docs/decisions/0029-a-crash-at-every-point.md\`.
`;
}
