/**
 * Opening taps for QEMU, which may not: it has no network and no rights.
 *
 * A tap is opened by an ioctl on /dev/net/tun, in the namespace that it is in, by root; then it is a file
 * like any other and survives into the jail. Node knows no ioctl and Debian's smallest Perl does. The
 * ioctl makes a tap that is not there, a cable to nowhere: whether it is there is asked before.
 */

/** The first tap is this file in QEMU, the second the next one. Below are those that a launch uses itself. */
export const firstTapFd = 64;

/** In Perl: dies if there is no $tap. Names in /proc/net/dev are this namespace's. */
export const findTap = `
  open(my $there, "<", "/proc/net/dev") or die "cannot read /proc/net/dev: $!\\n";
  my %there = map { /^\\s*([^:\\s]+):/ ? ($1 => 1) : () } <$there>;
  $there{$tap} or die "there is no tap $tap here\\n";
`;

/** In Perl: $tun becomes $tap. TUNSETIFF; IFF_TAP, IFF_NO_PI and IFF_VNET_HDR. */
export const takeTap = `
  ioctl($tun, 0x400454ca, pack("a16 S x22", $tap, 0x5002)) or die "cannot take tap $tap: $!\\n";
`;

const program = `
use POSIX ();
my ($fd, @taps) = (${firstTapFd}, split /,/, shift);
for my $tap (@taps) {
  ${findTap}
  open(my $tun, "+<", "/dev/net/tun") or die "cannot open /dev/net/tun: $!\\n";
  ${takeTap}
  POSIX::dup2(fileno($tun), $fd++) or die "cannot take tap $tap: $!\\n";
}
exec { $ARGV[0] } @ARGV or die "cannot run $ARGV[0]: $!\\n";
`;

/** The command, with these taps open. */
export function withTaps(
  taps: readonly string[],
  command: readonly string[],
  namespaceFile?: string,
): readonly string[] {
  if (taps.length === 0) return command;
  const enter = namespaceFile ? ["nsenter", `--net=${namespaceFile}`] : [];
  return [...enter, "perl", "-e", program, taps.join(","), ...command];
}
