/**
 * The header of LUKS1, made by ourselves: where the key of a disk lies, locked with the key of its volume.
 *
 * qemu-img makes one as well, but first measures for two seconds of processor time how long it takes somebody to guess
 * a password, whatever it is told, and on some kernels finds no clock to measure with and fails. Our keys are as random
 * as what they lock, so nobody guesses them, and the fewest rounds that the format knows are enough. Everything else is
 * as `cryptsetup` writes it, which can read it.
 */
import { createCipheriv, createHash, pbkdf2Sync, randomBytes, randomUUID } from "node:crypto";

const sector = 512;
/** AES-256 in XTS takes two keys. */
const diskKeyBytes = 64;
const saltBytes = 32;
const digestBytes = 20;
/** The fewest that LUKS allows. */
const rounds = 1_000;
const slots = 8;
/** As many pieces as LUKS1 always cuts a key into, so that a disk that keeps old sectors keeps no whole one. */
const stripes = 4_000;
const firstSlot = 8;
const slotSectors = 504;
const payloadSector = firstSlot + slots * slotSectors;
const [slotTaken, slotFree] = [0x00ac71f3, 0xdead];

/**
 * With its eight places for locked keys, of which one is taken. `key` is what the disk is opened with, as QEMU is given
 * it; the disk's own key is thought up here and nowhere else.
 */
export function luksHeader(key: string): Buffer {
  const diskKey = randomBytes(diskKeyBytes);
  const [salt, slotSalt] = [randomBytes(saltBytes), randomBytes(saltBytes)];
  const bytes = Buffer.alloc(payloadSector * sector);
  bytes.write("LUKS\xba\xbe", 0, "latin1");
  bytes.writeUInt16BE(1, 6);
  bytes.write("aes", 8);
  bytes.write("xts-plain64", 40);
  bytes.write("sha256", 72);
  bytes.writeUInt32BE(payloadSector, 104);
  bytes.writeUInt32BE(diskKeyBytes, 108);
  pbkdf2Sync(diskKey, salt, rounds, digestBytes, "sha256").copy(bytes, 112);
  salt.copy(bytes, 132);
  bytes.writeUInt32BE(rounds, 164);
  bytes.write(randomUUID(), 168);
  for (let slot = 0; slot < slots; slot++) {
    const at = 208 + slot * 48;
    const isTaken = slot === 0;
    bytes.writeUInt32BE(isTaken ? slotTaken : slotFree, at);
    bytes.writeUInt32BE(isTaken ? rounds : 0, at + 4);
    if (isTaken) slotSalt.copy(bytes, at + 8);
    bytes.writeUInt32BE(firstSlot + slot * slotSectors, at + 40);
    bytes.writeUInt32BE(stripes, at + 44);
  }
  const lock = pbkdf2Sync(key, slotSalt, rounds, diskKeyBytes, "sha256");
  encrypted(lock, split(diskKey)).copy(bytes, firstSlot * sector);
  return bytes;
}

/** In pieces, all of which are needed to know anything of it. */
function split(key: Buffer): Buffer {
  const pieces = randomBytes(key.length * stripes);
  let sum: Buffer = Buffer.alloc(key.length);
  for (let piece = 0; piece < stripes - 1; piece++)
    sum = diffused(mixed(sum, pieces.subarray(piece * key.length, (piece + 1) * key.length)));
  mixed(sum, key).copy(pieces, (stripes - 1) * key.length);
  return pieces;
}

const mixed = (a: Buffer, b: Buffer): Buffer =>
  Buffer.from(a.map((byte, index) => byte ^ (b[index] ?? 0)));

function diffused(block: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < block.length; at += 32) {
    const number = Buffer.alloc(4);
    number.writeUInt32BE(parts.length);
    parts.push(
      createHash("sha256")
        .update(number)
        .update(block.subarray(at, at + 32))
        .digest(),
    );
  }
  return Buffer.concat(parts, block.length);
}

/** As a disk is: sector by sector, each by its number. */
function encrypted(key: Buffer, text: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < text.length; at += sector) {
    const number = Buffer.alloc(16);
    number.writeBigUInt64LE(BigInt(at / sector));
    const cipher = createCipheriv("aes-256-xts", key, number);
    parts.push(cipher.update(text.subarray(at, at + sector)), cipher.final());
  }
  return Buffer.concat(parts);
}
