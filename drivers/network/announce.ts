/**
 * Telling the neighbourhood of a device that addresses are here now, with gratuitous ARP.
 *
 * Linux does this for addresses of its own; these are only answered for. Without it, whoever talked to
 * the address at its last place goes on talking to that for minutes.
 */
import { addressNumber } from "./addresses.ts";
import type { Commands } from "./commands.ts";

/** AF_PACKET and SOCK_DGRAM: the kernel writes the Ethernet header. Perl is on every Debian, arping is not. */
const program = `
my ($index, $mac, @addresses) = @ARGV;
socket(my $s, 17, 2, unpack("S", pack("n", 0x0806))) or die "socket: $!";
my $everybody = pack("S n l S C C a8", 17, 0x0806, $index, 1, 0, 6, "\\xff" x 6);
for (@addresses) {
  my $ip = pack("N", $_);
  my $arp = pack("n n C C n", 1, 0x0800, 6, 4, 1) . pack("H12", $mac) . $ip . "\\xff" x 6 . $ip;
  send($s, $arp, 0, $everybody) or die "send: $!";
}
`;

export async function announce(
  commands: Commands,
  device: { readonly index: number; readonly mac: string },
  addresses: readonly string[],
): Promise<void> {
  if (addresses.length === 0) return;
  const mac = device.mac.replaceAll(":", "");
  const numbers = addresses.map((address) => String(addressNumber(address)));
  await commands.run(undefined, ["perl", "-e", program, String(device.index), mac, ...numbers]);
}
