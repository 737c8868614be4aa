/**
 * Who looks after a process on standby: opens the file of its tap before anybody knows which tap, and ends it if
 * nobody comes.
 *
 * It is a process of its own, at the other end of a pipe of the agent. When that closes, however the agent ended, it looks
 * whether the directory is still where it was made. Whoever takes a process on standby moves its directory in one step, so
 * there is nothing in between: what is still there is nobody's and is killed, what is gone is an instance and lives on.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { type Given, stdioOf, withShim } from "./launch.ts";
import { findTap, firstTapFd, takeTap } from "./taps.ts";

// $dir is where it waits. The tap's file is shared with QEMU, so what is done to it here is done to it there.
const program = `
use POSIX ();
my $dir = shift;
open(my $tun, "+<", "/dev/net/tun") or die "cannot open /dev/net/tun: $!\\n";
my $shim = fork();
defined $shim or die "cannot fork: $!\\n";
if ($shim == 0) {
  POSIX::dup2(fileno($tun), ${firstTapFd}) or die "cannot hand on /dev/net/tun: $!\\n";
  open(STDIN, "<", "/dev/null");
  open(STDOUT, ">", "/dev/null");
  exec { $ARGV[0] } @ARGV or die "cannot run $ARGV[0]: $!\\n";
}
POSIX::close($_) for grep { $_ != fileno($tun) } 3 .. ${firstTapFd - 1};
$| = 1;
while (my $line = <STDIN>) {
  my ($word, $tap) = split " ", $line;
  exit 0 if $word eq "taken";
  eval { ${findTap} ${takeTap} };
  print $@ eq "" ? "done\\n" : $@;
}
sub text { my $text = ""; if (open(my $file, "<", shift)) { $text = <$file> // "" } $text }
sub begun { my ($rest) = text(shift) =~ /.*\\) (.*)/; defined $rest ? (split " ", $rest)[19] : "" }
for (1 .. 200) {
  exit 0 unless -e "$dir";
  if (my ($pid) = text("$dir/pid") =~ /^(\\d+) /) {
    kill(9, $pid) if begun("$dir/pid") eq begun("/proc/$pid/stat");
    exit 0;
  }
  select(undef, undef, undef, 0.05);
}
`;

export interface Keeper {
  readonly process: ChildProcess;
  /** Makes the file that QEMU has this tap. */
  attach(tap: string): Promise<void>;
  /** It is an instance now. */
  leave(): void;
  /** As if the agent had ended. */
  end(): void;
}

/** Starts the command in `dir`, with its keeper. */
export function launchKept(
  dir: string,
  procs: readonly string[],
  command: readonly string[],
  given: Given,
  environment: Readonly<Record<string, string>>,
  namespaceFile?: string,
): Keeper {
  const enter = namespaceFile ? ["nsenter", `--net=${namespaceFile}`] : [];
  const kept = withShim(".", procs, command); // Wherever it is moved to.
  const [name = "", ...argv] = [...enter, "perl", "-e", program, dir, ...kept];
  const child = spawn(name, argv, {
    ...{ cwd: dir, detached: true, env: environment },
    stdio: stdioOf("pipe", given),
  });
  child.unref();
  const { stdin, stdout } = child;
  if (!stdin || !stdout) throw new Error("its keeper has no pipes");
  stdin.on("error", () => {}); // It is gone, and QMP tells what that means.
  const answers = createInterface({ input: stdout });
  let isSilent = false;
  answers.once("close", () => {
    isSilent = true;
  });
  const gone = () => new Error("its keeper has ended");
  return {
    process: child,
    attach: (tap) =>
      new Promise((resolve, reject) => {
        if (isSilent) return reject(gone());
        answers.once("line", (line) => (line === "done" ? resolve() : reject(new Error(line))));
        answers.once("close", () => reject(gone()));
        stdin.write(`tap ${tap}\n`);
      }),
    leave: () => void stdin.end("taken\n"),
    end: () => void stdin.end(),
  };
}
