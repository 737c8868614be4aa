/** Instance types: ours under their own names, and again under those that EC2 has for them. */
import { listTypes, type TypeView } from "@holdfast/cloud/types/api";
import { readAliases } from "../core/aliases.ts";
import { refuse, shortened } from "../core/errors.ts";
import { filtering } from "../core/filters.ts";
import type { InstanceTypeInfo, InstanceTypeOffering } from "../core/words.ts";
import type { Answers, Call } from "./call.ts";
import { pageOf } from "./pages.ts";
import { zonesOf } from "./places.ts";

interface Named {
  readonly name: string;
  readonly type: TypeView;
}

export async function typesOf(call: Call): Promise<readonly Named[]> {
  const { types } = await call.native(listTypes);
  const { all } = readAliases(call.typeAliases());
  const aliased = all.flatMap(([name, own]) => {
    const type = types.find((one) => one.name === own);
    return type ? [{ name, type }] : [];
  });
  return [...types.map((type) => ({ name: type.name, type })), ...aliased];
}

/** Ours, under a name that may be an alias. Rejects with `InvalidParameterValue`. */
export async function findType(call: Call, name: string): Promise<TypeView> {
  const found = (await typesOf(call)).find((one) => one.name === name);
  if (found) return found.type;
  throw refuse(
    "InvalidParameterValue",
    `Invalid value '${shortened(name)}' for InstanceType. DescribeInstanceTypes lists those that there are.`,
  );
}

function infoOf({ name, type }: Named): InstanceTypeInfo {
  return {
    InstanceType: name,
    CurrentGeneration: true,
    FreeTierEligible: false,
    SupportedUsageClasses: ["on-demand"],
    SupportedRootDeviceTypes: ["ebs"],
    SupportedVirtualizationTypes: ["hvm"],
    BareMetal: false,
    Hypervisor: "kvm",
    ProcessorInfo: { SupportedArchitectures: ["x86_64"] },
    VCpuInfo: { DefaultVCpus: type.cpus, DefaultCores: type.cpus, DefaultThreadsPerCore: 1 },
    MemoryInfo: { SizeInMiB: type.memoryMiB },
    InstanceStorageSupported: false,
    EbsInfo: {
      EbsOptimizedSupport: "unsupported",
      EncryptionSupport: "supported",
      NvmeSupport: "unsupported",
    },
    NetworkInfo: {
      MaximumNetworkInterfaces: 1,
      MaximumNetworkCards: 1,
      DefaultNetworkCardIndex: 0,
      Ipv4AddressesPerInterface: 1,
      Ipv6AddressesPerInterface: 0,
      Ipv6Supported: false,
      EnaSupport: "unsupported",
      EfaSupported: false,
    },
    PlacementGroupInfo: { SupportedStrategies: [] },
    HibernationSupported: false,
    BurstablePerformanceSupported: false,
    DedicatedHostsSupported: false,
    AutoRecoverySupported: true,
    SupportedBootModes: ["legacy-bios"],
  };
}

export const typeAnswers: Answers = {
  async DescribeInstanceTypes(call) {
    const { InstanceTypes: wanted, Filters } = call.input;
    const all = (await typesOf(call as Call)).map(infoOf);
    for (const name of wanted ?? [])
      if (!all.some(({ InstanceType }) => InstanceType === name))
        throw refuse(
          "InvalidInstanceType",
          `The following supplied instance types do not exist: [${shortened(name)}]`,
        );
    const passes = filtering<InstanceTypeInfo>(Filters, {
      "auto-recovery-supported": ({ AutoRecoverySupported }) => AutoRecoverySupported,
      "bare-metal": ({ BareMetal }) => BareMetal,
      "burstable-performance-supported": ({ BurstablePerformanceSupported }) =>
        BurstablePerformanceSupported,
      "current-generation": ({ CurrentGeneration }) => CurrentGeneration,
      "free-tier-eligible": ({ FreeTierEligible }) => FreeTierEligible,
      hypervisor: ({ Hypervisor }) => Hypervisor,
      "instance-storage-supported": ({ InstanceStorageSupported }) => InstanceStorageSupported,
      "instance-type": ({ InstanceType }) => InstanceType,
      "memory-info.size-in-mib": ({ MemoryInfo }) => MemoryInfo?.SizeInMiB,
      "processor-info.supported-architecture": ({ ProcessorInfo }) =>
        ProcessorInfo?.SupportedArchitectures,
      "supported-root-device-type": ({ SupportedRootDeviceTypes }) => SupportedRootDeviceTypes,
      "supported-usage-class": ({ SupportedUsageClasses }) => SupportedUsageClasses,
      "supported-virtualization-type": ({ SupportedVirtualizationTypes }) =>
        SupportedVirtualizationTypes,
      "vcpu-info.default-vcpus": ({ VCpuInfo }) => VCpuInfo?.DefaultVCpus,
      "vcpu-info.default-cores": ({ VCpuInfo }) => VCpuInfo?.DefaultCores,
    });
    const found = all.filter(
      (one) => (!wanted || wanted.includes(one.InstanceType ?? "")) && passes(one),
    );
    const { page, next } = pageOf(
      found,
      ({ InstanceType = "" }) => InstanceType,
      call.input,
      "instanceType",
      wanted,
    );
    return { InstanceTypes: page, ...next };
  },

  async DescribeInstanceTypeOfferings(call) {
    const { LocationType = "region", Filters } = call.input;
    if (!["region", "availability-zone", "availability-zone-id"].includes(LocationType))
      throw refuse("InvalidParameterValue", `Invalid location type: ${shortened(LocationType)}`);
    const places = LocationType === "region" ? [call.region] : await zonesOf(call.database);
    const all = (await typesOf(call as Call)).flatMap(({ name }) =>
      places.map((Location) => ({ InstanceType: name, LocationType, Location })),
    );
    const passes = filtering<InstanceTypeOffering>(Filters, {
      "instance-type": ({ InstanceType }) => InstanceType,
      location: ({ Location }) => Location,
    });
    const keyOf = (one: InstanceTypeOffering) => `${one.InstanceType} ${one.Location}`;
    const { page, next } = pageOf(all.filter(passes), keyOf, call.input, "offering");
    return { InstanceTypeOfferings: page, ...next };
  },
};
