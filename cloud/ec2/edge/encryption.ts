/** Whether what is new is encrypted. EC2's is of an account in a region, ours of a project: there is one region. */
import { getVolumeEncryption, setVolumeEncryption } from "@holdfast/cloud/volumes/api";
import type { Answers, Call } from "./call.ts";

export const encryptionAnswers: Answers = {
  async GetEbsEncryptionByDefault(call) {
    const { everything } = await call.native(getVolumeEncryption, {});
    return { EbsEncryptionByDefault: everything };
  },
  EnableEbsEncryptionByDefault: (call) => set(call, true),
  DisableEbsEncryptionByDefault: (call) => set(call, false),
};

async function set(call: Call, wantAll: boolean) {
  const { everything } = await call.native(setVolumeEncryption, { body: { everything: wantAll } });
  return { EbsEncryptionByDefault: everything };
}
