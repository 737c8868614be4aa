/**
 * Loaded into every test file: one that has not ended by itself after a quarter of an hour (the slowest needs
 * a third of that on two busy cores) says what it is kept by, and fails. So a hang costs continuous
 * integration one file and not its whole time, and can be found without being seen again.
 */
const patienceMs = 15 * 60_000;

setTimeout(() => {
  const kept = process.getActiveResourcesInfo().join(", ");
  console.error(`${process.argv[1]} has not ended, and is kept by: ${kept}`);
  process.exit(1);
}, patienceMs).unref();
