import { desk } from "./testing.ts";

const d = await desk();
for (const line of process.argv.slice(2)) {
  const { code, out, err } = await d.type(line);
  console.log(`$ holdfast ${line}   -> ${code}`);
  process.stdout.write(out);
  if (err) console.log(`--- stderr\n${err}---`);
}
await d.stop();
