/** What is said of an image: its description, and with whom it is shared. */
import { shareImage } from "@holdfast/cloud/images/api";
import { badValue, notFound, refuse, shortened, unsupported } from "../core/errors.ts";
import { readId } from "../core/ids.ts";
import type { ImageAttribute } from "../core/words.ts";
import { type Answers, accountOf } from "./call.ts";
import { imagesOf } from "./image-views.ts";
import { writeNotes } from "./notes.ts";
import { findImage } from "./run.ts";
import { nativeShares, sharesOf, wantedShares } from "./shares.ts";

export const imageAttributeAnswers: Answers = {
  async DescribeImageAttribute(call) {
    const { Attribute = "", ImageId = "" } = call.input;
    readId("image", ImageId);
    const image = (await imagesOf(call)).find((one) => one.ImageId === ImageId);
    if (!image) throw notFound("InvalidAMIID.NotFound", "image", [ImageId]);
    const isOwn = image.OwnerId === accountOf(call.project);
    const shares =
      Attribute === "launchPermission" && isOwn
        ? await sharesOf(call, "image", await findImage(call, ImageId))
        : [];
    const known: Readonly<Record<string, ImageAttribute>> = {
      description: { Description: { Value: image.Description } },
      kernel: { KernelId: {} },
      ramdisk: { RamdiskId: {} },
      launchPermission: { LaunchPermissions: image.Public ? [{ Group: "all" }] : shares },
      productCodes: { ProductCodes: [] },
      blockDeviceMapping: { BlockDeviceMappings: image.BlockDeviceMappings },
      sriovNetSupport: { SriovNetSupport: {} },
      bootMode: { BootMode: { Value: image.BootMode } },
    };
    const found = Object.hasOwn(known, Attribute) ? known[Attribute] : undefined;
    if (!found) throw badValue("attribute", Attribute, "There is no such attribute.");
    return { ImageId, ...found };
  },

  async ModifyImageAttribute(call) {
    const { Attribute, Value, Description, ImageId = "" } = call.input;
    const id = await findImage(call, ImageId);
    const account = accountOf(call.project);
    const image = (await imagesOf(call)).find((one) => one.ImageId === ImageId);
    if (image?.OwnerId !== account)
      throw refuse("OperationNotPermitted", `The image ${shortened(ImageId)} is another account's`);
    const text = Description?.Value ?? (Attribute === "description" ? Value : undefined);
    const { LaunchPermission: change, UserGroups: groups, OperationType, UserIds } = call.input;
    const asked = { attribute: "launchPermission", change, groups } as const;
    const shares = wantedShares({ ...asked, Attribute, OperationType, UserIds });
    if ((text === undefined) === (shares === undefined))
      throw unsupported("Of an image its description or its launch permissions can be changed.");
    if (text !== undefined)
      await writeNotes(call.database, call.project, [{ subject: id, note: { description: text } }]);
    if (shares !== undefined) {
      const body = await nativeShares(call, shares, asked);
      await call.native(shareImage, { params: { image: id }, body });
    }
    return {};
  },
};
