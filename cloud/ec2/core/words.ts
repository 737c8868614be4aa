/** What the actions of the EC2 API take and give, as types. Written by `node --import tsx tools/ec2-model.ts`; do not edit. */
import type { Instant } from "@holdfast/kernel/time";

export interface AccountAttribute {
  readonly AttributeName?: string | undefined;
  readonly AttributeValues?: readonly AccountAttributeValue[] | undefined;
}

export interface AccountAttributeValue {
  readonly AttributeValue?: string | undefined;
}

export interface Address {
  readonly InstanceId?: string | undefined;
  readonly PublicIp?: string | undefined;
  readonly AllocationId?: string | undefined;
  readonly AssociationId?: string | undefined;
  readonly Domain?: string | undefined;
  readonly NetworkInterfaceId?: string | undefined;
  readonly NetworkInterfaceOwnerId?: string | undefined;
  readonly PrivateIpAddress?: string | undefined;
  readonly Tags?: readonly Tag[] | undefined;
  readonly PublicIpv4Pool?: string | undefined;
  readonly NetworkBorderGroup?: string | undefined;
  readonly CustomerOwnedIp?: string | undefined;
  readonly CustomerOwnedIpv4Pool?: string | undefined;
  readonly CarrierIp?: string | undefined;
}

export interface AddressAttribute {
  readonly PublicIp?: string | undefined;
  readonly AllocationId?: string | undefined;
  readonly PtrRecord?: string | undefined;
  readonly PtrRecordUpdate?: PtrUpdateStatus | undefined;
}

export interface AllocateAddressRequest {
  readonly Domain?: string | undefined;
  readonly Address?: string | undefined;
  readonly PublicIpv4Pool?: string | undefined;
  readonly NetworkBorderGroup?: string | undefined;
  readonly CustomerOwnedIpv4Pool?: string | undefined;
  readonly DryRun?: boolean | undefined;
  readonly TagSpecifications?: readonly TagSpecification[] | undefined;
}

export interface AllocateAddressResult {
  readonly PublicIp?: string | undefined;
  readonly AllocationId?: string | undefined;
  readonly PublicIpv4Pool?: string | undefined;
  readonly NetworkBorderGroup?: string | undefined;
  readonly Domain?: string | undefined;
  readonly CustomerOwnedIp?: string | undefined;
  readonly CustomerOwnedIpv4Pool?: string | undefined;
  readonly CarrierIp?: string | undefined;
}

export interface AssociateAddressRequest {
  readonly AllocationId?: string | undefined;
  readonly InstanceId?: string | undefined;
  readonly PublicIp?: string | undefined;
  readonly AllowReassociation?: boolean | undefined;
  readonly DryRun?: boolean | undefined;
  readonly NetworkInterfaceId?: string | undefined;
  readonly PrivateIpAddress?: string | undefined;
}

export interface AssociateAddressResult {
  readonly AssociationId?: string | undefined;
}

export interface AttachVolumeRequest {
  readonly Device?: string | undefined;
  readonly InstanceId?: string | undefined;
  readonly VolumeId?: string | undefined;
  readonly DryRun?: boolean | undefined;
}

export interface AttachmentEnaSrdSpecification {
  readonly EnaSrdEnabled?: boolean | undefined;
  readonly EnaSrdUdpSpecification?: AttachmentEnaSrdUdpSpecification | undefined;
}

export interface AttachmentEnaSrdUdpSpecification {
  readonly EnaSrdUdpEnabled?: boolean | undefined;
}

export interface AttributeBooleanValue {
  readonly Value?: boolean | undefined;
}

export interface AttributeValue {
  readonly Value?: string | undefined;
}

export interface AuthorizeSecurityGroupEgressRequest {
  readonly DryRun?: boolean | undefined;
  readonly GroupId?: string | undefined;
  readonly IpPermissions?: readonly IpPermission[] | undefined;
  readonly TagSpecifications?: readonly TagSpecification[] | undefined;
  readonly CidrIp?: string | undefined;
  readonly FromPort?: number | undefined;
  readonly IpProtocol?: string | undefined;
  readonly ToPort?: number | undefined;
  readonly SourceSecurityGroupName?: string | undefined;
  readonly SourceSecurityGroupOwnerId?: string | undefined;
}

export interface AuthorizeSecurityGroupEgressResult {
  readonly Return?: boolean | undefined;
  readonly SecurityGroupRules?: readonly SecurityGroupRule[] | undefined;
}

export interface AuthorizeSecurityGroupIngressRequest {
  readonly CidrIp?: string | undefined;
  readonly FromPort?: number | undefined;
  readonly GroupId?: string | undefined;
  readonly GroupName?: string | undefined;
  readonly IpPermissions?: readonly IpPermission[] | undefined;
  readonly IpProtocol?: string | undefined;
  readonly SourceSecurityGroupName?: string | undefined;
  readonly SourceSecurityGroupOwnerId?: string | undefined;
  readonly ToPort?: number | undefined;
  readonly DryRun?: boolean | undefined;
  readonly TagSpecifications?: readonly TagSpecification[] | undefined;
}

export interface AuthorizeSecurityGroupIngressResult {
  readonly Return?: boolean | undefined;
  readonly SecurityGroupRules?: readonly SecurityGroupRule[] | undefined;
}

export interface AvailabilityZone {
  readonly State?: string | undefined;
  readonly OptInStatus?: string | undefined;
  readonly Messages?: readonly AvailabilityZoneMessage[] | undefined;
  readonly RegionName?: string | undefined;
  readonly ZoneName?: string | undefined;
  readonly ZoneId?: string | undefined;
  readonly GroupName?: string | undefined;
  readonly NetworkBorderGroup?: string | undefined;
  readonly ZoneType?: string | undefined;
  readonly ParentZoneName?: string | undefined;
  readonly ParentZoneId?: string | undefined;
}

export interface AvailabilityZoneMessage {
  readonly Message?: string | undefined;
}

export interface BlobAttributeValue {
  readonly Value?: string | undefined;
}

export interface BlockDeviceMapping {
  readonly DeviceName?: string | undefined;
  readonly VirtualName?: string | undefined;
  readonly Ebs?: EbsBlockDevice | undefined;
  readonly NoDevice?: string | undefined;
}

export interface CapacityReservationSpecification {
  readonly CapacityReservationPreference?: string | undefined;
  readonly CapacityReservationTarget?: CapacityReservationTarget | undefined;
}

export interface CapacityReservationSpecificationResponse {
  readonly CapacityReservationPreference?: string | undefined;
  readonly CapacityReservationTarget?: CapacityReservationTargetResponse | undefined;
}

export interface CapacityReservationTarget {
  readonly CapacityReservationId?: string | undefined;
  readonly CapacityReservationResourceGroupArn?: string | undefined;
}

export interface CapacityReservationTargetResponse {
  readonly CapacityReservationId?: string | undefined;
  readonly CapacityReservationResourceGroupArn?: string | undefined;
}

export interface CopyImageRequest {
  readonly ClientToken?: string | undefined;
  readonly Description?: string | undefined;
  readonly Encrypted?: boolean | undefined;
  readonly KmsKeyId?: string | undefined;
  readonly Name?: string | undefined;
  readonly SourceImageId?: string | undefined;
  readonly SourceRegion?: string | undefined;
  readonly DestinationOutpostArn?: string | undefined;
  readonly DryRun?: boolean | undefined;
  readonly CopyImageTags?: boolean | undefined;
}

export interface CopyImageResult {
  readonly ImageId?: string | undefined;
}

export interface CopySnapshotRequest {
  readonly Description?: string | undefined;
  readonly DestinationOutpostArn?: string | undefined;
  readonly DestinationRegion?: string | undefined;
  readonly Encrypted?: boolean | undefined;
  readonly KmsKeyId?: string | undefined;
  readonly PresignedUrl?: string | undefined;
  readonly SourceRegion?: string | undefined;
  readonly SourceSnapshotId?: string | undefined;
  readonly TagSpecifications?: readonly TagSpecification[] | undefined;
  readonly DryRun?: boolean | undefined;
}

export interface CopySnapshotResult {
  readonly SnapshotId?: string | undefined;
  readonly Tags?: readonly Tag[] | undefined;
}

export interface CpuOptions {
  readonly CoreCount?: number | undefined;
  readonly ThreadsPerCore?: number | undefined;
}

export interface CpuOptionsRequest {
  readonly CoreCount?: number | undefined;
  readonly ThreadsPerCore?: number | undefined;
}

export interface CreateImageRequest {
  readonly BlockDeviceMappings?: readonly BlockDeviceMapping[] | undefined;
  readonly Description?: string | undefined;
  readonly DryRun?: boolean | undefined;
  readonly InstanceId?: string | undefined;
  readonly Name?: string | undefined;
  readonly NoReboot?: boolean | undefined;
  readonly TagSpecifications?: readonly TagSpecification[] | undefined;
}

export interface CreateImageResult {
  readonly ImageId?: string | undefined;
}

export interface CreateKeyPairRequest {
  readonly KeyName?: string | undefined;
  readonly DryRun?: boolean | undefined;
  readonly KeyType?: string | undefined;
  readonly TagSpecifications?: readonly TagSpecification[] | undefined;
  readonly KeyFormat?: string | undefined;
}

export interface CreateSecurityGroupRequest {
  readonly Description?: string | undefined;
  readonly GroupName?: string | undefined;
  readonly VpcId?: string | undefined;
  readonly TagSpecifications?: readonly TagSpecification[] | undefined;
  readonly DryRun?: boolean | undefined;
}

export interface CreateSecurityGroupResult {
  readonly GroupId?: string | undefined;
  readonly Tags?: readonly Tag[] | undefined;
}

export interface CreateSnapshotRequest {
  readonly Description?: string | undefined;
  readonly OutpostArn?: string | undefined;
  readonly VolumeId?: string | undefined;
  readonly TagSpecifications?: readonly TagSpecification[] | undefined;
  readonly DryRun?: boolean | undefined;
}

export interface CreateSnapshotsRequest {
  readonly Description?: string | undefined;
  readonly InstanceSpecification?: InstanceSpecification | undefined;
  readonly OutpostArn?: string | undefined;
  readonly TagSpecifications?: readonly TagSpecification[] | undefined;
  readonly DryRun?: boolean | undefined;
  readonly CopyTagsFromSource?: string | undefined;
}

export interface CreateSnapshotsResult {
  readonly Snapshots?: readonly SnapshotInfo[] | undefined;
}

export interface CreateTagsRequest {
  readonly DryRun?: boolean | undefined;
  readonly Resources?: readonly string[] | undefined;
  readonly Tags?: readonly Tag[] | undefined;
}

export interface CreateVolumePermission {
  readonly Group?: string | undefined;
  readonly UserId?: string | undefined;
}

export interface CreateVolumePermissionModifications {
  readonly Add?: readonly CreateVolumePermission[] | undefined;
  readonly Remove?: readonly CreateVolumePermission[] | undefined;
}

export interface CreateVolumeRequest {
  readonly AvailabilityZone?: string | undefined;
  readonly Encrypted?: boolean | undefined;
  readonly Iops?: number | undefined;
  readonly KmsKeyId?: string | undefined;
  readonly OutpostArn?: string | undefined;
  readonly Size?: number | undefined;
  readonly SnapshotId?: string | undefined;
  readonly VolumeType?: string | undefined;
  readonly DryRun?: boolean | undefined;
  readonly TagSpecifications?: readonly TagSpecification[] | undefined;
  readonly MultiAttachEnabled?: boolean | undefined;
  readonly Throughput?: number | undefined;
  readonly ClientToken?: string | undefined;
}

export interface CreditSpecificationRequest {
  readonly CpuCredits?: string | undefined;
}

export interface DeleteKeyPairRequest {
  readonly KeyName?: string | undefined;
  readonly KeyPairId?: string | undefined;
  readonly DryRun?: boolean | undefined;
}

export interface DeleteSecurityGroupRequest {
  readonly GroupId?: string | undefined;
  readonly GroupName?: string | undefined;
  readonly DryRun?: boolean | undefined;
}

export interface DeleteSnapshotRequest {
  readonly SnapshotId?: string | undefined;
  readonly DryRun?: boolean | undefined;
}

export interface DeleteTagsRequest {
  readonly DryRun?: boolean | undefined;
  readonly Resources?: readonly string[] | undefined;
  readonly Tags?: readonly Tag[] | undefined;
}

export interface DeleteVolumeRequest {
  readonly VolumeId?: string | undefined;
  readonly DryRun?: boolean | undefined;
}

export interface DeregisterImageRequest {
  readonly ImageId?: string | undefined;
  readonly DryRun?: boolean | undefined;
}

export interface DescribeAccountAttributesRequest {
  readonly AttributeNames?: readonly string[] | undefined;
  readonly DryRun?: boolean | undefined;
}

export interface DescribeAccountAttributesResult {
  readonly AccountAttributes?: readonly AccountAttribute[] | undefined;
}

export interface DescribeAddressesAttributeRequest {
  readonly AllocationIds?: readonly string[] | undefined;
  readonly Attribute?: string | undefined;
  readonly NextToken?: string | undefined;
  readonly MaxResults?: number | undefined;
  readonly DryRun?: boolean | undefined;
}

export interface DescribeAddressesAttributeResult {
  readonly Addresses?: readonly AddressAttribute[] | undefined;
  readonly NextToken?: string | undefined;
}

export interface DescribeAddressesRequest {
  readonly Filters?: readonly Filter[] | undefined;
  readonly PublicIps?: readonly string[] | undefined;
  readonly AllocationIds?: readonly string[] | undefined;
  readonly DryRun?: boolean | undefined;
}

export interface DescribeAddressesResult {
  readonly Addresses?: readonly Address[] | undefined;
}

export interface DescribeAvailabilityZonesRequest {
  readonly Filters?: readonly Filter[] | undefined;
  readonly ZoneNames?: readonly string[] | undefined;
  readonly ZoneIds?: readonly string[] | undefined;
  readonly AllAvailabilityZones?: boolean | undefined;
  readonly DryRun?: boolean | undefined;
}

export interface DescribeAvailabilityZonesResult {
  readonly AvailabilityZones?: readonly AvailabilityZone[] | undefined;
}

export interface DescribeImageAttributeRequest {
  readonly Attribute?: string | undefined;
  readonly ImageId?: string | undefined;
  readonly DryRun?: boolean | undefined;
}

export interface DescribeImagesRequest {
  readonly ExecutableUsers?: readonly string[] | undefined;
  readonly Filters?: readonly Filter[] | undefined;
  readonly ImageIds?: readonly string[] | undefined;
  readonly Owners?: readonly string[] | undefined;
  readonly IncludeDeprecated?: boolean | undefined;
  readonly DryRun?: boolean | undefined;
  readonly MaxResults?: number | undefined;
  readonly NextToken?: string | undefined;
}

export interface DescribeImagesResult {
  readonly Images?: readonly Image[] | undefined;
  readonly NextToken?: string | undefined;
}

export interface DescribeInstanceAttributeRequest {
  readonly Attribute?: string | undefined;
  readonly DryRun?: boolean | undefined;
  readonly InstanceId?: string | undefined;
}

export interface DescribeInstanceCreditSpecificationsRequest {
  readonly DryRun?: boolean | undefined;
  readonly Filters?: readonly Filter[] | undefined;
  readonly InstanceIds?: readonly string[] | undefined;
  readonly MaxResults?: number | undefined;
  readonly NextToken?: string | undefined;
}

export interface DescribeInstanceCreditSpecificationsResult {
  readonly InstanceCreditSpecifications?: readonly InstanceCreditSpecification[] | undefined;
  readonly NextToken?: string | undefined;
}

export interface DescribeInstanceStatusRequest {
  readonly Filters?: readonly Filter[] | undefined;
  readonly InstanceIds?: readonly string[] | undefined;
  readonly MaxResults?: number | undefined;
  readonly NextToken?: string | undefined;
  readonly DryRun?: boolean | undefined;
  readonly IncludeAllInstances?: boolean | undefined;
}

export interface DescribeInstanceStatusResult {
  readonly InstanceStatuses?: readonly InstanceStatus[] | undefined;
  readonly NextToken?: string | undefined;
}

export interface DescribeInstanceTypeOfferingsRequest {
  readonly DryRun?: boolean | undefined;
  readonly LocationType?: string | undefined;
  readonly Filters?: readonly Filter[] | undefined;
  readonly MaxResults?: number | undefined;
  readonly NextToken?: string | undefined;
}

export interface DescribeInstanceTypeOfferingsResult {
  readonly InstanceTypeOfferings?: readonly InstanceTypeOffering[] | undefined;
  readonly NextToken?: string | undefined;
}

export interface DescribeInstanceTypesRequest {
  readonly DryRun?: boolean | undefined;
  readonly InstanceTypes?: readonly string[] | undefined;
  readonly Filters?: readonly Filter[] | undefined;
  readonly MaxResults?: number | undefined;
  readonly NextToken?: string | undefined;
}

export interface DescribeInstanceTypesResult {
  readonly InstanceTypes?: readonly InstanceTypeInfo[] | undefined;
  readonly NextToken?: string | undefined;
}

export interface DescribeInstancesRequest {
  readonly Filters?: readonly Filter[] | undefined;
  readonly InstanceIds?: readonly string[] | undefined;
  readonly DryRun?: boolean | undefined;
  readonly MaxResults?: number | undefined;
  readonly NextToken?: string | undefined;
}

export interface DescribeInstancesResult {
  readonly Reservations?: readonly Reservation[] | undefined;
  readonly NextToken?: string | undefined;
}

export interface DescribeKeyPairsRequest {
  readonly Filters?: readonly Filter[] | undefined;
  readonly KeyNames?: readonly string[] | undefined;
  readonly KeyPairIds?: readonly string[] | undefined;
  readonly DryRun?: boolean | undefined;
  readonly IncludePublicKey?: boolean | undefined;
}

export interface DescribeKeyPairsResult {
  readonly KeyPairs?: readonly KeyPairInfo[] | undefined;
}

export interface DescribeNetworkInterfaceAttributeRequest {
  readonly Attribute?: string | undefined;
  readonly DryRun?: boolean | undefined;
  readonly NetworkInterfaceId?: string | undefined;
}

export interface DescribeNetworkInterfaceAttributeResult {
  readonly Attachment?: NetworkInterfaceAttachment | undefined;
  readonly Description?: AttributeValue | undefined;
  readonly Groups?: readonly GroupIdentifier[] | undefined;
  readonly NetworkInterfaceId?: string | undefined;
  readonly SourceDestCheck?: AttributeBooleanValue | undefined;
}

export interface DescribeNetworkInterfacesRequest {
  readonly Filters?: readonly Filter[] | undefined;
  readonly DryRun?: boolean | undefined;
  readonly NetworkInterfaceIds?: readonly string[] | undefined;
  readonly NextToken?: string | undefined;
  readonly MaxResults?: number | undefined;
}

export interface DescribeNetworkInterfacesResult {
  readonly NetworkInterfaces?: readonly NetworkInterface[] | undefined;
  readonly NextToken?: string | undefined;
}

export interface DescribeRegionsRequest {
  readonly Filters?: readonly Filter[] | undefined;
  readonly RegionNames?: readonly string[] | undefined;
  readonly DryRun?: boolean | undefined;
  readonly AllRegions?: boolean | undefined;
}

export interface DescribeRegionsResult {
  readonly Regions?: readonly Region[] | undefined;
}

export interface DescribeRouteTablesRequest {
  readonly Filters?: readonly Filter[] | undefined;
  readonly DryRun?: boolean | undefined;
  readonly RouteTableIds?: readonly string[] | undefined;
  readonly NextToken?: string | undefined;
  readonly MaxResults?: number | undefined;
}

export interface DescribeRouteTablesResult {
  readonly RouteTables?: readonly RouteTable[] | undefined;
  readonly NextToken?: string | undefined;
}

export interface DescribeSecurityGroupRulesRequest {
  readonly Filters?: readonly Filter[] | undefined;
  readonly SecurityGroupRuleIds?: readonly string[] | undefined;
  readonly DryRun?: boolean | undefined;
  readonly NextToken?: string | undefined;
  readonly MaxResults?: number | undefined;
}

export interface DescribeSecurityGroupRulesResult {
  readonly SecurityGroupRules?: readonly SecurityGroupRule[] | undefined;
  readonly NextToken?: string | undefined;
}

export interface DescribeSecurityGroupsRequest {
  readonly Filters?: readonly Filter[] | undefined;
  readonly GroupIds?: readonly string[] | undefined;
  readonly GroupNames?: readonly string[] | undefined;
  readonly DryRun?: boolean | undefined;
  readonly NextToken?: string | undefined;
  readonly MaxResults?: number | undefined;
}

export interface DescribeSecurityGroupsResult {
  readonly SecurityGroups?: readonly SecurityGroup[] | undefined;
  readonly NextToken?: string | undefined;
}

export interface DescribeSnapshotAttributeRequest {
  readonly Attribute?: string | undefined;
  readonly SnapshotId?: string | undefined;
  readonly DryRun?: boolean | undefined;
}

export interface DescribeSnapshotAttributeResult {
  readonly CreateVolumePermissions?: readonly CreateVolumePermission[] | undefined;
  readonly ProductCodes?: readonly ProductCode[] | undefined;
  readonly SnapshotId?: string | undefined;
}

export interface DescribeSnapshotsRequest {
  readonly Filters?: readonly Filter[] | undefined;
  readonly MaxResults?: number | undefined;
  readonly NextToken?: string | undefined;
  readonly OwnerIds?: readonly string[] | undefined;
  readonly RestorableByUserIds?: readonly string[] | undefined;
  readonly SnapshotIds?: readonly string[] | undefined;
  readonly DryRun?: boolean | undefined;
}

export interface DescribeSnapshotsResult {
  readonly Snapshots?: readonly Snapshot[] | undefined;
  readonly NextToken?: string | undefined;
}

export interface DescribeSubnetsRequest {
  readonly Filters?: readonly Filter[] | undefined;
  readonly SubnetIds?: readonly string[] | undefined;
  readonly DryRun?: boolean | undefined;
  readonly NextToken?: string | undefined;
  readonly MaxResults?: number | undefined;
}

export interface DescribeSubnetsResult {
  readonly Subnets?: readonly Subnet[] | undefined;
  readonly NextToken?: string | undefined;
}

export interface DescribeTagsRequest {
  readonly DryRun?: boolean | undefined;
  readonly Filters?: readonly Filter[] | undefined;
  readonly MaxResults?: number | undefined;
  readonly NextToken?: string | undefined;
}

export interface DescribeTagsResult {
  readonly NextToken?: string | undefined;
  readonly Tags?: readonly TagDescription[] | undefined;
}

export interface DescribeVolumeAttributeRequest {
  readonly Attribute?: string | undefined;
  readonly VolumeId?: string | undefined;
  readonly DryRun?: boolean | undefined;
}

export interface DescribeVolumeAttributeResult {
  readonly AutoEnableIO?: AttributeBooleanValue | undefined;
  readonly ProductCodes?: readonly ProductCode[] | undefined;
  readonly VolumeId?: string | undefined;
}

export interface DescribeVolumeStatusRequest {
  readonly Filters?: readonly Filter[] | undefined;
  readonly MaxResults?: number | undefined;
  readonly NextToken?: string | undefined;
  readonly VolumeIds?: readonly string[] | undefined;
  readonly DryRun?: boolean | undefined;
}

export interface DescribeVolumeStatusResult {
  readonly NextToken?: string | undefined;
  readonly VolumeStatuses?: readonly VolumeStatusItem[] | undefined;
}

export interface DescribeVolumesModificationsRequest {
  readonly DryRun?: boolean | undefined;
  readonly VolumeIds?: readonly string[] | undefined;
  readonly Filters?: readonly Filter[] | undefined;
  readonly NextToken?: string | undefined;
  readonly MaxResults?: number | undefined;
}

export interface DescribeVolumesModificationsResult {
  readonly VolumesModifications?: readonly VolumeModification[] | undefined;
  readonly NextToken?: string | undefined;
}

export interface DescribeVolumesRequest {
  readonly Filters?: readonly Filter[] | undefined;
  readonly VolumeIds?: readonly string[] | undefined;
  readonly DryRun?: boolean | undefined;
  readonly MaxResults?: number | undefined;
  readonly NextToken?: string | undefined;
}

export interface DescribeVolumesResult {
  readonly Volumes?: readonly Volume[] | undefined;
  readonly NextToken?: string | undefined;
}

export interface DescribeVpcAttributeRequest {
  readonly Attribute?: string | undefined;
  readonly VpcId?: string | undefined;
  readonly DryRun?: boolean | undefined;
}

export interface DescribeVpcAttributeResult {
  readonly VpcId?: string | undefined;
  readonly EnableDnsHostnames?: AttributeBooleanValue | undefined;
  readonly EnableDnsSupport?: AttributeBooleanValue | undefined;
  readonly EnableNetworkAddressUsageMetrics?: AttributeBooleanValue | undefined;
}

export interface DescribeVpcsRequest {
  readonly Filters?: readonly Filter[] | undefined;
  readonly VpcIds?: readonly string[] | undefined;
  readonly DryRun?: boolean | undefined;
  readonly NextToken?: string | undefined;
  readonly MaxResults?: number | undefined;
}

export interface DescribeVpcsResult {
  readonly Vpcs?: readonly Vpc[] | undefined;
  readonly NextToken?: string | undefined;
}

export interface DetachVolumeRequest {
  readonly Device?: string | undefined;
  readonly Force?: boolean | undefined;
  readonly InstanceId?: string | undefined;
  readonly VolumeId?: string | undefined;
  readonly DryRun?: boolean | undefined;
}

export interface DisableEbsEncryptionByDefaultRequest {
  readonly DryRun?: boolean | undefined;
}

export interface DisableEbsEncryptionByDefaultResult {
  readonly EbsEncryptionByDefault?: boolean | undefined;
}

export interface DisassociateAddressRequest {
  readonly AssociationId?: string | undefined;
  readonly PublicIp?: string | undefined;
  readonly DryRun?: boolean | undefined;
}

export interface DiskInfo {
  readonly SizeInGB?: number | undefined;
  readonly Count?: number | undefined;
  readonly Type?: string | undefined;
}

export interface EbsBlockDevice {
  readonly DeleteOnTermination?: boolean | undefined;
  readonly Iops?: number | undefined;
  readonly SnapshotId?: string | undefined;
  readonly VolumeSize?: number | undefined;
  readonly VolumeType?: string | undefined;
  readonly KmsKeyId?: string | undefined;
  readonly Throughput?: number | undefined;
  readonly OutpostArn?: string | undefined;
  readonly Encrypted?: boolean | undefined;
}

export interface EbsInfo {
  readonly EbsOptimizedSupport?: string | undefined;
  readonly EncryptionSupport?: string | undefined;
  readonly EbsOptimizedInfo?: EbsOptimizedInfo | undefined;
  readonly NvmeSupport?: string | undefined;
}

export interface EbsInstanceBlockDevice {
  readonly AttachTime?: Instant | undefined;
  readonly DeleteOnTermination?: boolean | undefined;
  readonly Status?: string | undefined;
  readonly VolumeId?: string | undefined;
}

export interface EbsInstanceBlockDeviceSpecification {
  readonly DeleteOnTermination?: boolean | undefined;
  readonly VolumeId?: string | undefined;
}

export interface EbsOptimizedInfo {
  readonly BaselineBandwidthInMbps?: number | undefined;
  readonly BaselineThroughputInMBps?: number | undefined;
  readonly BaselineIops?: number | undefined;
  readonly MaximumBandwidthInMbps?: number | undefined;
  readonly MaximumThroughputInMBps?: number | undefined;
  readonly MaximumIops?: number | undefined;
}

export interface EbsStatusDetails {
  readonly ImpairedSince?: Instant | undefined;
  readonly Name?: string | undefined;
  readonly Status?: string | undefined;
}

export interface EbsStatusSummary {
  readonly Details?: readonly EbsStatusDetails[] | undefined;
  readonly Status?: string | undefined;
}

export interface EfaInfo {
  readonly MaximumEfaInterfaces?: number | undefined;
}

export interface ElasticGpuAssociation {
  readonly ElasticGpuId?: string | undefined;
  readonly ElasticGpuAssociationId?: string | undefined;
  readonly ElasticGpuAssociationState?: string | undefined;
  readonly ElasticGpuAssociationTime?: string | undefined;
}

export interface ElasticGpuSpecification {
  readonly Type?: string | undefined;
}

export interface ElasticInferenceAccelerator {
  readonly Type?: string | undefined;
  readonly Count?: number | undefined;
}

export interface ElasticInferenceAcceleratorAssociation {
  readonly ElasticInferenceAcceleratorArn?: string | undefined;
  readonly ElasticInferenceAcceleratorAssociationId?: string | undefined;
  readonly ElasticInferenceAcceleratorAssociationState?: string | undefined;
  readonly ElasticInferenceAcceleratorAssociationTime?: Instant | undefined;
}

export interface EnableEbsEncryptionByDefaultRequest {
  readonly DryRun?: boolean | undefined;
}

export interface EnableEbsEncryptionByDefaultResult {
  readonly EbsEncryptionByDefault?: boolean | undefined;
}

export interface EnclaveOptions {
  readonly Enabled?: boolean | undefined;
}

export interface EnclaveOptionsRequest {
  readonly Enabled?: boolean | undefined;
}

export interface Filter {
  readonly Name?: string | undefined;
  readonly Values?: readonly string[] | undefined;
}

export interface FpgaDeviceInfo {
  readonly Name?: string | undefined;
  readonly Manufacturer?: string | undefined;
  readonly Count?: number | undefined;
  readonly MemoryInfo?: FpgaDeviceMemoryInfo | undefined;
}

export interface FpgaDeviceMemoryInfo {
  readonly SizeInMiB?: number | undefined;
}

export interface FpgaInfo {
  readonly Fpgas?: readonly FpgaDeviceInfo[] | undefined;
  readonly TotalFpgaMemoryInMiB?: number | undefined;
}

export interface GetConsoleOutputRequest {
  readonly InstanceId?: string | undefined;
  readonly DryRun?: boolean | undefined;
  readonly Latest?: boolean | undefined;
}

export interface GetConsoleOutputResult {
  readonly InstanceId?: string | undefined;
  readonly Output?: string | undefined;
  readonly Timestamp?: Instant | undefined;
}

export interface GetEbsEncryptionByDefaultRequest {
  readonly DryRun?: boolean | undefined;
}

export interface GetEbsEncryptionByDefaultResult {
  readonly EbsEncryptionByDefault?: boolean | undefined;
}

export interface GpuDeviceInfo {
  readonly Name?: string | undefined;
  readonly Manufacturer?: string | undefined;
  readonly Count?: number | undefined;
  readonly MemoryInfo?: GpuDeviceMemoryInfo | undefined;
}

export interface GpuDeviceMemoryInfo {
  readonly SizeInMiB?: number | undefined;
}

export interface GpuInfo {
  readonly Gpus?: readonly GpuDeviceInfo[] | undefined;
  readonly TotalGpuMemoryInMiB?: number | undefined;
}

export interface GroupIdentifier {
  readonly GroupName?: string | undefined;
  readonly GroupId?: string | undefined;
}

export interface HibernationOptions {
  readonly Configured?: boolean | undefined;
}

export interface HibernationOptionsRequest {
  readonly Configured?: boolean | undefined;
}

export interface IamInstanceProfile {
  readonly Arn?: string | undefined;
  readonly Id?: string | undefined;
}

export interface IamInstanceProfileSpecification {
  readonly Arn?: string | undefined;
  readonly Name?: string | undefined;
}

export interface Image {
  readonly Architecture?: string | undefined;
  readonly CreationDate?: string | undefined;
  readonly ImageId?: string | undefined;
  readonly ImageLocation?: string | undefined;
  readonly ImageType?: string | undefined;
  readonly Public?: boolean | undefined;
  readonly KernelId?: string | undefined;
  readonly OwnerId?: string | undefined;
  readonly Platform?: string | undefined;
  readonly PlatformDetails?: string | undefined;
  readonly UsageOperation?: string | undefined;
  readonly ProductCodes?: readonly ProductCode[] | undefined;
  readonly RamdiskId?: string | undefined;
  readonly State?: string | undefined;
  readonly BlockDeviceMappings?: readonly BlockDeviceMapping[] | undefined;
  readonly Description?: string | undefined;
  readonly EnaSupport?: boolean | undefined;
  readonly Hypervisor?: string | undefined;
  readonly ImageOwnerAlias?: string | undefined;
  readonly Name?: string | undefined;
  readonly RootDeviceName?: string | undefined;
  readonly RootDeviceType?: string | undefined;
  readonly SriovNetSupport?: string | undefined;
  readonly StateReason?: StateReason | undefined;
  readonly Tags?: readonly Tag[] | undefined;
  readonly VirtualizationType?: string | undefined;
  readonly BootMode?: string | undefined;
  readonly TpmSupport?: string | undefined;
  readonly DeprecationTime?: string | undefined;
  readonly ImdsSupport?: string | undefined;
}

export interface ImageAttribute {
  readonly BlockDeviceMappings?: readonly BlockDeviceMapping[] | undefined;
  readonly ImageId?: string | undefined;
  readonly LaunchPermissions?: readonly LaunchPermission[] | undefined;
  readonly ProductCodes?: readonly ProductCode[] | undefined;
  readonly Description?: AttributeValue | undefined;
  readonly KernelId?: AttributeValue | undefined;
  readonly RamdiskId?: AttributeValue | undefined;
  readonly SriovNetSupport?: AttributeValue | undefined;
  readonly BootMode?: AttributeValue | undefined;
  readonly TpmSupport?: AttributeValue | undefined;
  readonly UefiData?: AttributeValue | undefined;
  readonly LastLaunchedTime?: AttributeValue | undefined;
  readonly ImdsSupport?: AttributeValue | undefined;
}

export interface ImportKeyPairRequest {
  readonly DryRun?: boolean | undefined;
  readonly KeyName?: string | undefined;
  readonly PublicKeyMaterial?: string | undefined;
  readonly TagSpecifications?: readonly TagSpecification[] | undefined;
}

export interface ImportKeyPairResult {
  readonly KeyFingerprint?: string | undefined;
  readonly KeyName?: string | undefined;
  readonly KeyPairId?: string | undefined;
  readonly Tags?: readonly Tag[] | undefined;
}

export interface InferenceAcceleratorInfo {
  readonly Accelerators?: readonly InferenceDeviceInfo[] | undefined;
}

export interface InferenceDeviceInfo {
  readonly Count?: number | undefined;
  readonly Name?: string | undefined;
  readonly Manufacturer?: string | undefined;
}

export interface Instance {
  readonly AmiLaunchIndex?: number | undefined;
  readonly ImageId?: string | undefined;
  readonly InstanceId?: string | undefined;
  readonly InstanceType?: string | undefined;
  readonly KernelId?: string | undefined;
  readonly KeyName?: string | undefined;
  readonly LaunchTime?: Instant | undefined;
  readonly Monitoring?: Monitoring | undefined;
  readonly Placement?: Placement | undefined;
  readonly Platform?: string | undefined;
  readonly PrivateDnsName?: string | undefined;
  readonly PrivateIpAddress?: string | undefined;
  readonly ProductCodes?: readonly ProductCode[] | undefined;
  readonly PublicDnsName?: string | undefined;
  readonly PublicIpAddress?: string | undefined;
  readonly RamdiskId?: string | undefined;
  readonly State?: InstanceState | undefined;
  readonly StateTransitionReason?: string | undefined;
  readonly SubnetId?: string | undefined;
  readonly VpcId?: string | undefined;
  readonly Architecture?: string | undefined;
  readonly BlockDeviceMappings?: readonly InstanceBlockDeviceMapping[] | undefined;
  readonly ClientToken?: string | undefined;
  readonly EbsOptimized?: boolean | undefined;
  readonly EnaSupport?: boolean | undefined;
  readonly Hypervisor?: string | undefined;
  readonly IamInstanceProfile?: IamInstanceProfile | undefined;
  readonly InstanceLifecycle?: string | undefined;
  readonly ElasticGpuAssociations?: readonly ElasticGpuAssociation[] | undefined;
  readonly ElasticInferenceAcceleratorAssociations?:
    | readonly ElasticInferenceAcceleratorAssociation[]
    | undefined;
  readonly NetworkInterfaces?: readonly InstanceNetworkInterface[] | undefined;
  readonly OutpostArn?: string | undefined;
  readonly RootDeviceName?: string | undefined;
  readonly RootDeviceType?: string | undefined;
  readonly SecurityGroups?: readonly GroupIdentifier[] | undefined;
  readonly SourceDestCheck?: boolean | undefined;
  readonly SpotInstanceRequestId?: string | undefined;
  readonly SriovNetSupport?: string | undefined;
  readonly StateReason?: StateReason | undefined;
  readonly Tags?: readonly Tag[] | undefined;
  readonly VirtualizationType?: string | undefined;
  readonly CpuOptions?: CpuOptions | undefined;
  readonly CapacityReservationId?: string | undefined;
  readonly CapacityReservationSpecification?: CapacityReservationSpecificationResponse | undefined;
  readonly HibernationOptions?: HibernationOptions | undefined;
  readonly Licenses?: readonly LicenseConfiguration[] | undefined;
  readonly MetadataOptions?: InstanceMetadataOptionsResponse | undefined;
  readonly EnclaveOptions?: EnclaveOptions | undefined;
  readonly BootMode?: string | undefined;
  readonly PlatformDetails?: string | undefined;
  readonly UsageOperation?: string | undefined;
  readonly UsageOperationUpdateTime?: Instant | undefined;
  readonly PrivateDnsNameOptions?: PrivateDnsNameOptionsResponse | undefined;
  readonly Ipv6Address?: string | undefined;
  readonly TpmSupport?: string | undefined;
  readonly MaintenanceOptions?: InstanceMaintenanceOptions | undefined;
}

export interface InstanceAttribute {
  readonly Groups?: readonly GroupIdentifier[] | undefined;
  readonly BlockDeviceMappings?: readonly InstanceBlockDeviceMapping[] | undefined;
  readonly DisableApiTermination?: AttributeBooleanValue | undefined;
  readonly EnaSupport?: AttributeBooleanValue | undefined;
  readonly EnclaveOptions?: EnclaveOptions | undefined;
  readonly EbsOptimized?: AttributeBooleanValue | undefined;
  readonly InstanceId?: string | undefined;
  readonly InstanceInitiatedShutdownBehavior?: AttributeValue | undefined;
  readonly InstanceType?: AttributeValue | undefined;
  readonly KernelId?: AttributeValue | undefined;
  readonly ProductCodes?: readonly ProductCode[] | undefined;
  readonly RamdiskId?: AttributeValue | undefined;
  readonly RootDeviceName?: AttributeValue | undefined;
  readonly SourceDestCheck?: AttributeBooleanValue | undefined;
  readonly SriovNetSupport?: AttributeValue | undefined;
  readonly UserData?: AttributeValue | undefined;
  readonly DisableApiStop?: AttributeBooleanValue | undefined;
}

export interface InstanceBlockDeviceMapping {
  readonly DeviceName?: string | undefined;
  readonly Ebs?: EbsInstanceBlockDevice | undefined;
}

export interface InstanceBlockDeviceMappingSpecification {
  readonly DeviceName?: string | undefined;
  readonly Ebs?: EbsInstanceBlockDeviceSpecification | undefined;
  readonly NoDevice?: string | undefined;
  readonly VirtualName?: string | undefined;
}

export interface InstanceCreditSpecification {
  readonly InstanceId?: string | undefined;
  readonly CpuCredits?: string | undefined;
}

export interface InstanceIpv4Prefix {
  readonly Ipv4Prefix?: string | undefined;
}

export interface InstanceIpv6Address {
  readonly Ipv6Address?: string | undefined;
}

export interface InstanceIpv6Prefix {
  readonly Ipv6Prefix?: string | undefined;
}

export interface InstanceMaintenanceOptions {
  readonly AutoRecovery?: string | undefined;
}

export interface InstanceMaintenanceOptionsRequest {
  readonly AutoRecovery?: string | undefined;
}

export interface InstanceMarketOptionsRequest {
  readonly MarketType?: string | undefined;
  readonly SpotOptions?: SpotMarketOptions | undefined;
}

export interface InstanceMetadataOptionsRequest {
  readonly HttpTokens?: string | undefined;
  readonly HttpPutResponseHopLimit?: number | undefined;
  readonly HttpEndpoint?: string | undefined;
  readonly HttpProtocolIpv6?: string | undefined;
  readonly InstanceMetadataTags?: string | undefined;
}

export interface InstanceMetadataOptionsResponse {
  readonly State?: string | undefined;
  readonly HttpTokens?: string | undefined;
  readonly HttpPutResponseHopLimit?: number | undefined;
  readonly HttpEndpoint?: string | undefined;
  readonly HttpProtocolIpv6?: string | undefined;
  readonly InstanceMetadataTags?: string | undefined;
}

export interface InstanceMonitoring {
  readonly InstanceId?: string | undefined;
  readonly Monitoring?: Monitoring | undefined;
}

export interface InstanceNetworkInterface {
  readonly Association?: InstanceNetworkInterfaceAssociation | undefined;
  readonly Attachment?: InstanceNetworkInterfaceAttachment | undefined;
  readonly Description?: string | undefined;
  readonly Groups?: readonly GroupIdentifier[] | undefined;
  readonly Ipv6Addresses?: readonly InstanceIpv6Address[] | undefined;
  readonly MacAddress?: string | undefined;
  readonly NetworkInterfaceId?: string | undefined;
  readonly OwnerId?: string | undefined;
  readonly PrivateDnsName?: string | undefined;
  readonly PrivateIpAddress?: string | undefined;
  readonly PrivateIpAddresses?: readonly InstancePrivateIpAddress[] | undefined;
  readonly SourceDestCheck?: boolean | undefined;
  readonly Status?: string | undefined;
  readonly SubnetId?: string | undefined;
  readonly VpcId?: string | undefined;
  readonly InterfaceType?: string | undefined;
  readonly Ipv4Prefixes?: readonly InstanceIpv4Prefix[] | undefined;
  readonly Ipv6Prefixes?: readonly InstanceIpv6Prefix[] | undefined;
}

export interface InstanceNetworkInterfaceAssociation {
  readonly CarrierIp?: string | undefined;
  readonly CustomerOwnedIp?: string | undefined;
  readonly IpOwnerId?: string | undefined;
  readonly PublicDnsName?: string | undefined;
  readonly PublicIp?: string | undefined;
}

export interface InstanceNetworkInterfaceAttachment {
  readonly AttachTime?: Instant | undefined;
  readonly AttachmentId?: string | undefined;
  readonly DeleteOnTermination?: boolean | undefined;
  readonly DeviceIndex?: number | undefined;
  readonly Status?: string | undefined;
  readonly NetworkCardIndex?: number | undefined;
}

export interface InstanceNetworkInterfaceSpecification {
  readonly AssociatePublicIpAddress?: boolean | undefined;
  readonly DeleteOnTermination?: boolean | undefined;
  readonly Description?: string | undefined;
  readonly DeviceIndex?: number | undefined;
  readonly Groups?: readonly string[] | undefined;
  readonly Ipv6AddressCount?: number | undefined;
  readonly Ipv6Addresses?: readonly InstanceIpv6Address[] | undefined;
  readonly NetworkInterfaceId?: string | undefined;
  readonly PrivateIpAddress?: string | undefined;
  readonly PrivateIpAddresses?: readonly PrivateIpAddressSpecification[] | undefined;
  readonly SecondaryPrivateIpAddressCount?: number | undefined;
  readonly SubnetId?: string | undefined;
  readonly AssociateCarrierIpAddress?: boolean | undefined;
  readonly InterfaceType?: string | undefined;
  readonly NetworkCardIndex?: number | undefined;
  readonly Ipv4Prefixes?: readonly Ipv4PrefixSpecificationRequest[] | undefined;
  readonly Ipv4PrefixCount?: number | undefined;
  readonly Ipv6Prefixes?: readonly Ipv6PrefixSpecificationRequest[] | undefined;
  readonly Ipv6PrefixCount?: number | undefined;
}

export interface InstancePrivateIpAddress {
  readonly Association?: InstanceNetworkInterfaceAssociation | undefined;
  readonly Primary?: boolean | undefined;
  readonly PrivateDnsName?: string | undefined;
  readonly PrivateIpAddress?: string | undefined;
}

export interface InstanceSpecification {
  readonly InstanceId?: string | undefined;
  readonly ExcludeBootVolume?: boolean | undefined;
  readonly ExcludeDataVolumeIds?: readonly string[] | undefined;
}

export interface InstanceState {
  readonly Code?: number | undefined;
  readonly Name?: string | undefined;
}

export interface InstanceStateChange {
  readonly CurrentState?: InstanceState | undefined;
  readonly InstanceId?: string | undefined;
  readonly PreviousState?: InstanceState | undefined;
}

export interface InstanceStatus {
  readonly AvailabilityZone?: string | undefined;
  readonly OutpostArn?: string | undefined;
  readonly Events?: readonly InstanceStatusEvent[] | undefined;
  readonly InstanceId?: string | undefined;
  readonly InstanceState?: InstanceState | undefined;
  readonly InstanceStatus?: InstanceStatusSummary | undefined;
  readonly SystemStatus?: InstanceStatusSummary | undefined;
  readonly AttachedEbsStatus?: EbsStatusSummary | undefined;
}

export interface InstanceStatusDetails {
  readonly ImpairedSince?: Instant | undefined;
  readonly Name?: string | undefined;
  readonly Status?: string | undefined;
}

export interface InstanceStatusEvent {
  readonly InstanceEventId?: string | undefined;
  readonly Code?: string | undefined;
  readonly Description?: string | undefined;
  readonly NotAfter?: Instant | undefined;
  readonly NotBefore?: Instant | undefined;
  readonly NotBeforeDeadline?: Instant | undefined;
}

export interface InstanceStatusSummary {
  readonly Details?: readonly InstanceStatusDetails[] | undefined;
  readonly Status?: string | undefined;
}

export interface InstanceStorageInfo {
  readonly TotalSizeInGB?: number | undefined;
  readonly Disks?: readonly DiskInfo[] | undefined;
  readonly NvmeSupport?: string | undefined;
  readonly EncryptionSupport?: string | undefined;
}

export interface InstanceTypeInfo {
  readonly InstanceType?: string | undefined;
  readonly CurrentGeneration?: boolean | undefined;
  readonly FreeTierEligible?: boolean | undefined;
  readonly SupportedUsageClasses?: readonly string[] | undefined;
  readonly SupportedRootDeviceTypes?: readonly string[] | undefined;
  readonly SupportedVirtualizationTypes?: readonly string[] | undefined;
  readonly BareMetal?: boolean | undefined;
  readonly Hypervisor?: string | undefined;
  readonly ProcessorInfo?: ProcessorInfo | undefined;
  readonly VCpuInfo?: VCpuInfo | undefined;
  readonly MemoryInfo?: MemoryInfo | undefined;
  readonly InstanceStorageSupported?: boolean | undefined;
  readonly InstanceStorageInfo?: InstanceStorageInfo | undefined;
  readonly EbsInfo?: EbsInfo | undefined;
  readonly NetworkInfo?: NetworkInfo | undefined;
  readonly GpuInfo?: GpuInfo | undefined;
  readonly FpgaInfo?: FpgaInfo | undefined;
  readonly PlacementGroupInfo?: PlacementGroupInfo | undefined;
  readonly InferenceAcceleratorInfo?: InferenceAcceleratorInfo | undefined;
  readonly HibernationSupported?: boolean | undefined;
  readonly BurstablePerformanceSupported?: boolean | undefined;
  readonly DedicatedHostsSupported?: boolean | undefined;
  readonly AutoRecoverySupported?: boolean | undefined;
  readonly SupportedBootModes?: readonly string[] | undefined;
}

export interface InstanceTypeOffering {
  readonly InstanceType?: string | undefined;
  readonly LocationType?: string | undefined;
  readonly Location?: string | undefined;
}

export interface IpPermission {
  readonly FromPort?: number | undefined;
  readonly IpProtocol?: string | undefined;
  readonly IpRanges?: readonly IpRange[] | undefined;
  readonly Ipv6Ranges?: readonly Ipv6Range[] | undefined;
  readonly PrefixListIds?: readonly PrefixListId[] | undefined;
  readonly ToPort?: number | undefined;
  readonly UserIdGroupPairs?: readonly UserIdGroupPair[] | undefined;
}

export interface IpRange {
  readonly CidrIp?: string | undefined;
  readonly Description?: string | undefined;
}

export interface Ipv4PrefixSpecification {
  readonly Ipv4Prefix?: string | undefined;
}

export interface Ipv4PrefixSpecificationRequest {
  readonly Ipv4Prefix?: string | undefined;
}

export interface Ipv6PrefixSpecification {
  readonly Ipv6Prefix?: string | undefined;
}

export interface Ipv6PrefixSpecificationRequest {
  readonly Ipv6Prefix?: string | undefined;
}

export interface Ipv6Range {
  readonly CidrIpv6?: string | undefined;
  readonly Description?: string | undefined;
}

export interface KeyPair {
  readonly KeyFingerprint?: string | undefined;
  readonly KeyMaterial?: string | undefined;
  readonly KeyName?: string | undefined;
  readonly KeyPairId?: string | undefined;
  readonly Tags?: readonly Tag[] | undefined;
}

export interface KeyPairInfo {
  readonly KeyPairId?: string | undefined;
  readonly KeyFingerprint?: string | undefined;
  readonly KeyName?: string | undefined;
  readonly KeyType?: string | undefined;
  readonly Tags?: readonly Tag[] | undefined;
  readonly PublicKey?: string | undefined;
  readonly CreateTime?: Instant | undefined;
}

export interface LaunchPermission {
  readonly Group?: string | undefined;
  readonly UserId?: string | undefined;
  readonly OrganizationArn?: string | undefined;
  readonly OrganizationalUnitArn?: string | undefined;
}

export interface LaunchPermissionModifications {
  readonly Add?: readonly LaunchPermission[] | undefined;
  readonly Remove?: readonly LaunchPermission[] | undefined;
}

export interface LaunchTemplateSpecification {
  readonly LaunchTemplateId?: string | undefined;
  readonly LaunchTemplateName?: string | undefined;
  readonly Version?: string | undefined;
}

export interface LicenseConfiguration {
  readonly LicenseConfigurationArn?: string | undefined;
}

export interface LicenseConfigurationRequest {
  readonly LicenseConfigurationArn?: string | undefined;
}

export interface MemoryInfo {
  readonly SizeInMiB?: number | undefined;
}

export interface ModifyImageAttributeRequest {
  readonly Attribute?: string | undefined;
  readonly Description?: AttributeValue | undefined;
  readonly ImageId?: string | undefined;
  readonly LaunchPermission?: LaunchPermissionModifications | undefined;
  readonly OperationType?: string | undefined;
  readonly ProductCodes?: readonly string[] | undefined;
  readonly UserGroups?: readonly string[] | undefined;
  readonly UserIds?: readonly string[] | undefined;
  readonly Value?: string | undefined;
  readonly DryRun?: boolean | undefined;
  readonly OrganizationArns?: readonly string[] | undefined;
  readonly OrganizationalUnitArns?: readonly string[] | undefined;
}

export interface ModifyInstanceAttributeRequest {
  readonly SourceDestCheck?: AttributeBooleanValue | undefined;
  readonly Attribute?: string | undefined;
  readonly BlockDeviceMappings?: readonly InstanceBlockDeviceMappingSpecification[] | undefined;
  readonly DisableApiTermination?: AttributeBooleanValue | undefined;
  readonly DryRun?: boolean | undefined;
  readonly EbsOptimized?: AttributeBooleanValue | undefined;
  readonly EnaSupport?: AttributeBooleanValue | undefined;
  readonly Groups?: readonly string[] | undefined;
  readonly InstanceId?: string | undefined;
  readonly InstanceInitiatedShutdownBehavior?: AttributeValue | undefined;
  readonly InstanceType?: AttributeValue | undefined;
  readonly Kernel?: AttributeValue | undefined;
  readonly Ramdisk?: AttributeValue | undefined;
  readonly SriovNetSupport?: AttributeValue | undefined;
  readonly UserData?: BlobAttributeValue | undefined;
  readonly Value?: string | undefined;
  readonly DisableApiStop?: AttributeBooleanValue | undefined;
}

export interface ModifyInstanceEventStartTimeRequest {
  readonly DryRun?: boolean | undefined;
  readonly InstanceId?: string | undefined;
  readonly InstanceEventId?: string | undefined;
  readonly NotBefore?: Instant | undefined;
}

export interface ModifyInstanceEventStartTimeResult {
  readonly Event?: InstanceStatusEvent | undefined;
}

export interface ModifyInstanceMetadataOptionsRequest {
  readonly InstanceId?: string | undefined;
  readonly HttpTokens?: string | undefined;
  readonly HttpPutResponseHopLimit?: number | undefined;
  readonly HttpEndpoint?: string | undefined;
  readonly DryRun?: boolean | undefined;
  readonly HttpProtocolIpv6?: string | undefined;
  readonly InstanceMetadataTags?: string | undefined;
}

export interface ModifyInstanceMetadataOptionsResult {
  readonly InstanceId?: string | undefined;
  readonly InstanceMetadataOptions?: InstanceMetadataOptionsResponse | undefined;
}

export interface ModifySecurityGroupRulesRequest {
  readonly GroupId?: string | undefined;
  readonly SecurityGroupRules?: readonly SecurityGroupRuleUpdate[] | undefined;
  readonly DryRun?: boolean | undefined;
}

export interface ModifySecurityGroupRulesResult {
  readonly Return?: boolean | undefined;
}

export interface ModifySnapshotAttributeRequest {
  readonly Attribute?: string | undefined;
  readonly CreateVolumePermission?: CreateVolumePermissionModifications | undefined;
  readonly GroupNames?: readonly string[] | undefined;
  readonly OperationType?: string | undefined;
  readonly SnapshotId?: string | undefined;
  readonly UserIds?: readonly string[] | undefined;
  readonly DryRun?: boolean | undefined;
}

export interface ModifyVolumeRequest {
  readonly DryRun?: boolean | undefined;
  readonly VolumeId?: string | undefined;
  readonly Size?: number | undefined;
  readonly VolumeType?: string | undefined;
  readonly Iops?: number | undefined;
  readonly Throughput?: number | undefined;
  readonly MultiAttachEnabled?: boolean | undefined;
}

export interface ModifyVolumeResult {
  readonly VolumeModification?: VolumeModification | undefined;
}

export interface MonitorInstancesRequest {
  readonly InstanceIds?: readonly string[] | undefined;
  readonly DryRun?: boolean | undefined;
}

export interface MonitorInstancesResult {
  readonly InstanceMonitorings?: readonly InstanceMonitoring[] | undefined;
}

export interface Monitoring {
  readonly State?: string | undefined;
}

export interface NetworkCardInfo {
  readonly NetworkCardIndex?: number | undefined;
  readonly NetworkPerformance?: string | undefined;
  readonly MaximumNetworkInterfaces?: number | undefined;
}

export interface NetworkInfo {
  readonly NetworkPerformance?: string | undefined;
  readonly MaximumNetworkInterfaces?: number | undefined;
  readonly MaximumNetworkCards?: number | undefined;
  readonly DefaultNetworkCardIndex?: number | undefined;
  readonly NetworkCards?: readonly NetworkCardInfo[] | undefined;
  readonly Ipv4AddressesPerInterface?: number | undefined;
  readonly Ipv6AddressesPerInterface?: number | undefined;
  readonly Ipv6Supported?: boolean | undefined;
  readonly EnaSupport?: string | undefined;
  readonly EfaSupported?: boolean | undefined;
  readonly EfaInfo?: EfaInfo | undefined;
  readonly EncryptionInTransitSupported?: boolean | undefined;
  readonly EnaSrdSupported?: boolean | undefined;
}

export interface NetworkInterface {
  readonly Association?: NetworkInterfaceAssociation | undefined;
  readonly Attachment?: NetworkInterfaceAttachment | undefined;
  readonly AvailabilityZone?: string | undefined;
  readonly Description?: string | undefined;
  readonly Groups?: readonly GroupIdentifier[] | undefined;
  readonly InterfaceType?: string | undefined;
  readonly Ipv6Addresses?: readonly NetworkInterfaceIpv6Address[] | undefined;
  readonly MacAddress?: string | undefined;
  readonly NetworkInterfaceId?: string | undefined;
  readonly OutpostArn?: string | undefined;
  readonly OwnerId?: string | undefined;
  readonly PrivateDnsName?: string | undefined;
  readonly PrivateIpAddress?: string | undefined;
  readonly PrivateIpAddresses?: readonly NetworkInterfacePrivateIpAddress[] | undefined;
  readonly Ipv4Prefixes?: readonly Ipv4PrefixSpecification[] | undefined;
  readonly Ipv6Prefixes?: readonly Ipv6PrefixSpecification[] | undefined;
  readonly RequesterId?: string | undefined;
  readonly RequesterManaged?: boolean | undefined;
  readonly SourceDestCheck?: boolean | undefined;
  readonly Status?: string | undefined;
  readonly SubnetId?: string | undefined;
  readonly TagSet?: readonly Tag[] | undefined;
  readonly VpcId?: string | undefined;
  readonly DenyAllIgwTraffic?: boolean | undefined;
  readonly Ipv6Native?: boolean | undefined;
  readonly Ipv6Address?: string | undefined;
}

export interface NetworkInterfaceAssociation {
  readonly AllocationId?: string | undefined;
  readonly AssociationId?: string | undefined;
  readonly IpOwnerId?: string | undefined;
  readonly PublicDnsName?: string | undefined;
  readonly PublicIp?: string | undefined;
  readonly CustomerOwnedIp?: string | undefined;
  readonly CarrierIp?: string | undefined;
}

export interface NetworkInterfaceAttachment {
  readonly AttachTime?: Instant | undefined;
  readonly AttachmentId?: string | undefined;
  readonly DeleteOnTermination?: boolean | undefined;
  readonly DeviceIndex?: number | undefined;
  readonly NetworkCardIndex?: number | undefined;
  readonly InstanceId?: string | undefined;
  readonly InstanceOwnerId?: string | undefined;
  readonly Status?: string | undefined;
  readonly EnaSrdSpecification?: AttachmentEnaSrdSpecification | undefined;
}

export interface NetworkInterfaceIpv6Address {
  readonly Ipv6Address?: string | undefined;
}

export interface NetworkInterfacePrivateIpAddress {
  readonly Association?: NetworkInterfaceAssociation | undefined;
  readonly Primary?: boolean | undefined;
  readonly PrivateDnsName?: string | undefined;
  readonly PrivateIpAddress?: string | undefined;
}

export interface Placement {
  readonly AvailabilityZone?: string | undefined;
  readonly Affinity?: string | undefined;
  readonly GroupName?: string | undefined;
  readonly PartitionNumber?: number | undefined;
  readonly HostId?: string | undefined;
  readonly Tenancy?: string | undefined;
  readonly SpreadDomain?: string | undefined;
  readonly HostResourceGroupArn?: string | undefined;
  readonly GroupId?: string | undefined;
}

export interface PlacementGroupInfo {
  readonly SupportedStrategies?: readonly string[] | undefined;
}

export interface PrefixListId {
  readonly Description?: string | undefined;
  readonly PrefixListId?: string | undefined;
}

export interface PrivateDnsNameOptionsOnLaunch {
  readonly HostnameType?: string | undefined;
  readonly EnableResourceNameDnsARecord?: boolean | undefined;
  readonly EnableResourceNameDnsAAAARecord?: boolean | undefined;
}

export interface PrivateDnsNameOptionsRequest {
  readonly HostnameType?: string | undefined;
  readonly EnableResourceNameDnsARecord?: boolean | undefined;
  readonly EnableResourceNameDnsAAAARecord?: boolean | undefined;
}

export interface PrivateDnsNameOptionsResponse {
  readonly HostnameType?: string | undefined;
  readonly EnableResourceNameDnsARecord?: boolean | undefined;
  readonly EnableResourceNameDnsAAAARecord?: boolean | undefined;
}

export interface PrivateIpAddressSpecification {
  readonly Primary?: boolean | undefined;
  readonly PrivateIpAddress?: string | undefined;
}

export interface ProcessorInfo {
  readonly SupportedArchitectures?: readonly string[] | undefined;
  readonly SustainedClockSpeedInGhz?: number | undefined;
}

export interface ProductCode {
  readonly ProductCodeId?: string | undefined;
  readonly ProductCodeType?: string | undefined;
}

export interface PropagatingVgw {
  readonly GatewayId?: string | undefined;
}

export interface PtrUpdateStatus {
  readonly Value?: string | undefined;
  readonly Status?: string | undefined;
  readonly Reason?: string | undefined;
}

export interface RebootInstancesRequest {
  readonly InstanceIds?: readonly string[] | undefined;
  readonly DryRun?: boolean | undefined;
}

export interface ReferencedSecurityGroup {
  readonly GroupId?: string | undefined;
  readonly PeeringStatus?: string | undefined;
  readonly UserId?: string | undefined;
  readonly VpcId?: string | undefined;
  readonly VpcPeeringConnectionId?: string | undefined;
}

export interface Region {
  readonly Endpoint?: string | undefined;
  readonly RegionName?: string | undefined;
  readonly OptInStatus?: string | undefined;
}

export interface RegisterImageRequest {
  readonly ImageLocation?: string | undefined;
  readonly Architecture?: string | undefined;
  readonly BlockDeviceMappings?: readonly BlockDeviceMapping[] | undefined;
  readonly Description?: string | undefined;
  readonly DryRun?: boolean | undefined;
  readonly EnaSupport?: boolean | undefined;
  readonly KernelId?: string | undefined;
  readonly Name?: string | undefined;
  readonly BillingProducts?: readonly string[] | undefined;
  readonly RamdiskId?: string | undefined;
  readonly RootDeviceName?: string | undefined;
  readonly SriovNetSupport?: string | undefined;
  readonly VirtualizationType?: string | undefined;
  readonly BootMode?: string | undefined;
  readonly TpmSupport?: string | undefined;
  readonly UefiData?: string | undefined;
  readonly ImdsSupport?: string | undefined;
}

export interface RegisterImageResult {
  readonly ImageId?: string | undefined;
}

export interface ReleaseAddressRequest {
  readonly AllocationId?: string | undefined;
  readonly PublicIp?: string | undefined;
  readonly NetworkBorderGroup?: string | undefined;
  readonly DryRun?: boolean | undefined;
}

export interface Reservation {
  readonly Groups?: readonly GroupIdentifier[] | undefined;
  readonly Instances?: readonly Instance[] | undefined;
  readonly OwnerId?: string | undefined;
  readonly RequesterId?: string | undefined;
  readonly ReservationId?: string | undefined;
}

export interface ResetInstanceAttributeRequest {
  readonly Attribute?: string | undefined;
  readonly DryRun?: boolean | undefined;
  readonly InstanceId?: string | undefined;
}

export interface ResetSnapshotAttributeRequest {
  readonly Attribute?: string | undefined;
  readonly SnapshotId?: string | undefined;
  readonly DryRun?: boolean | undefined;
}

export interface RevokeSecurityGroupEgressRequest {
  readonly DryRun?: boolean | undefined;
  readonly GroupId?: string | undefined;
  readonly IpPermissions?: readonly IpPermission[] | undefined;
  readonly SecurityGroupRuleIds?: readonly string[] | undefined;
  readonly CidrIp?: string | undefined;
  readonly FromPort?: number | undefined;
  readonly IpProtocol?: string | undefined;
  readonly ToPort?: number | undefined;
  readonly SourceSecurityGroupName?: string | undefined;
  readonly SourceSecurityGroupOwnerId?: string | undefined;
}

export interface RevokeSecurityGroupEgressResult {
  readonly Return?: boolean | undefined;
  readonly UnknownIpPermissions?: readonly IpPermission[] | undefined;
}

export interface RevokeSecurityGroupIngressRequest {
  readonly CidrIp?: string | undefined;
  readonly FromPort?: number | undefined;
  readonly GroupId?: string | undefined;
  readonly GroupName?: string | undefined;
  readonly IpPermissions?: readonly IpPermission[] | undefined;
  readonly IpProtocol?: string | undefined;
  readonly SourceSecurityGroupName?: string | undefined;
  readonly SourceSecurityGroupOwnerId?: string | undefined;
  readonly ToPort?: number | undefined;
  readonly DryRun?: boolean | undefined;
  readonly SecurityGroupRuleIds?: readonly string[] | undefined;
}

export interface RevokeSecurityGroupIngressResult {
  readonly Return?: boolean | undefined;
  readonly UnknownIpPermissions?: readonly IpPermission[] | undefined;
}

export interface Route {
  readonly DestinationCidrBlock?: string | undefined;
  readonly DestinationIpv6CidrBlock?: string | undefined;
  readonly DestinationPrefixListId?: string | undefined;
  readonly EgressOnlyInternetGatewayId?: string | undefined;
  readonly GatewayId?: string | undefined;
  readonly InstanceId?: string | undefined;
  readonly InstanceOwnerId?: string | undefined;
  readonly NatGatewayId?: string | undefined;
  readonly TransitGatewayId?: string | undefined;
  readonly LocalGatewayId?: string | undefined;
  readonly CarrierGatewayId?: string | undefined;
  readonly NetworkInterfaceId?: string | undefined;
  readonly Origin?: string | undefined;
  readonly State?: string | undefined;
  readonly VpcPeeringConnectionId?: string | undefined;
  readonly CoreNetworkArn?: string | undefined;
}

export interface RouteTable {
  readonly Associations?: readonly RouteTableAssociation[] | undefined;
  readonly PropagatingVgws?: readonly PropagatingVgw[] | undefined;
  readonly RouteTableId?: string | undefined;
  readonly Routes?: readonly Route[] | undefined;
  readonly Tags?: readonly Tag[] | undefined;
  readonly VpcId?: string | undefined;
  readonly OwnerId?: string | undefined;
}

export interface RouteTableAssociation {
  readonly Main?: boolean | undefined;
  readonly RouteTableAssociationId?: string | undefined;
  readonly RouteTableId?: string | undefined;
  readonly SubnetId?: string | undefined;
  readonly GatewayId?: string | undefined;
  readonly AssociationState?: RouteTableAssociationState | undefined;
}

export interface RouteTableAssociationState {
  readonly State?: string | undefined;
  readonly StatusMessage?: string | undefined;
}

export interface RunInstancesMonitoringEnabled {
  readonly Enabled?: boolean | undefined;
}

export interface RunInstancesRequest {
  readonly BlockDeviceMappings?: readonly BlockDeviceMapping[] | undefined;
  readonly ImageId?: string | undefined;
  readonly InstanceType?: string | undefined;
  readonly Ipv6AddressCount?: number | undefined;
  readonly Ipv6Addresses?: readonly InstanceIpv6Address[] | undefined;
  readonly KernelId?: string | undefined;
  readonly KeyName?: string | undefined;
  readonly MaxCount?: number | undefined;
  readonly MinCount?: number | undefined;
  readonly Monitoring?: RunInstancesMonitoringEnabled | undefined;
  readonly Placement?: Placement | undefined;
  readonly RamdiskId?: string | undefined;
  readonly SecurityGroupIds?: readonly string[] | undefined;
  readonly SecurityGroups?: readonly string[] | undefined;
  readonly SubnetId?: string | undefined;
  readonly UserData?: string | undefined;
  readonly AdditionalInfo?: string | undefined;
  readonly ClientToken?: string | undefined;
  readonly DisableApiTermination?: boolean | undefined;
  readonly DryRun?: boolean | undefined;
  readonly EbsOptimized?: boolean | undefined;
  readonly IamInstanceProfile?: IamInstanceProfileSpecification | undefined;
  readonly InstanceInitiatedShutdownBehavior?: string | undefined;
  readonly NetworkInterfaces?: readonly InstanceNetworkInterfaceSpecification[] | undefined;
  readonly PrivateIpAddress?: string | undefined;
  readonly ElasticGpuSpecification?: readonly ElasticGpuSpecification[] | undefined;
  readonly ElasticInferenceAccelerators?: readonly ElasticInferenceAccelerator[] | undefined;
  readonly TagSpecifications?: readonly TagSpecification[] | undefined;
  readonly LaunchTemplate?: LaunchTemplateSpecification | undefined;
  readonly InstanceMarketOptions?: InstanceMarketOptionsRequest | undefined;
  readonly CreditSpecification?: CreditSpecificationRequest | undefined;
  readonly CpuOptions?: CpuOptionsRequest | undefined;
  readonly CapacityReservationSpecification?: CapacityReservationSpecification | undefined;
  readonly HibernationOptions?: HibernationOptionsRequest | undefined;
  readonly LicenseSpecifications?: readonly LicenseConfigurationRequest[] | undefined;
  readonly MetadataOptions?: InstanceMetadataOptionsRequest | undefined;
  readonly EnclaveOptions?: EnclaveOptionsRequest | undefined;
  readonly PrivateDnsNameOptions?: PrivateDnsNameOptionsRequest | undefined;
  readonly MaintenanceOptions?: InstanceMaintenanceOptionsRequest | undefined;
  readonly DisableApiStop?: boolean | undefined;
}

export interface SecurityGroup {
  readonly Description?: string | undefined;
  readonly GroupName?: string | undefined;
  readonly IpPermissions?: readonly IpPermission[] | undefined;
  readonly OwnerId?: string | undefined;
  readonly GroupId?: string | undefined;
  readonly IpPermissionsEgress?: readonly IpPermission[] | undefined;
  readonly Tags?: readonly Tag[] | undefined;
  readonly VpcId?: string | undefined;
}

export interface SecurityGroupRule {
  readonly SecurityGroupRuleId?: string | undefined;
  readonly GroupId?: string | undefined;
  readonly GroupOwnerId?: string | undefined;
  readonly IsEgress?: boolean | undefined;
  readonly IpProtocol?: string | undefined;
  readonly FromPort?: number | undefined;
  readonly ToPort?: number | undefined;
  readonly CidrIpv4?: string | undefined;
  readonly CidrIpv6?: string | undefined;
  readonly PrefixListId?: string | undefined;
  readonly ReferencedGroupInfo?: ReferencedSecurityGroup | undefined;
  readonly Description?: string | undefined;
  readonly Tags?: readonly Tag[] | undefined;
}

export interface SecurityGroupRuleDescription {
  readonly SecurityGroupRuleId?: string | undefined;
  readonly Description?: string | undefined;
}

export interface SecurityGroupRuleRequest {
  readonly IpProtocol?: string | undefined;
  readonly FromPort?: number | undefined;
  readonly ToPort?: number | undefined;
  readonly CidrIpv4?: string | undefined;
  readonly CidrIpv6?: string | undefined;
  readonly PrefixListId?: string | undefined;
  readonly ReferencedGroupId?: string | undefined;
  readonly Description?: string | undefined;
}

export interface SecurityGroupRuleUpdate {
  readonly SecurityGroupRuleId?: string | undefined;
  readonly SecurityGroupRule?: SecurityGroupRuleRequest | undefined;
}

export interface Snapshot {
  readonly DataEncryptionKeyId?: string | undefined;
  readonly Description?: string | undefined;
  readonly Encrypted?: boolean | undefined;
  readonly KmsKeyId?: string | undefined;
  readonly OwnerId?: string | undefined;
  readonly Progress?: string | undefined;
  readonly SnapshotId?: string | undefined;
  readonly StartTime?: Instant | undefined;
  readonly State?: string | undefined;
  readonly StateMessage?: string | undefined;
  readonly VolumeId?: string | undefined;
  readonly VolumeSize?: number | undefined;
  readonly OwnerAlias?: string | undefined;
  readonly OutpostArn?: string | undefined;
  readonly Tags?: readonly Tag[] | undefined;
  readonly StorageTier?: string | undefined;
  readonly RestoreExpiryTime?: Instant | undefined;
}

export interface SnapshotInfo {
  readonly Description?: string | undefined;
  readonly Tags?: readonly Tag[] | undefined;
  readonly Encrypted?: boolean | undefined;
  readonly VolumeId?: string | undefined;
  readonly State?: string | undefined;
  readonly VolumeSize?: number | undefined;
  readonly StartTime?: Instant | undefined;
  readonly Progress?: string | undefined;
  readonly OwnerId?: string | undefined;
  readonly SnapshotId?: string | undefined;
  readonly OutpostArn?: string | undefined;
}

export interface SpotMarketOptions {
  readonly MaxPrice?: string | undefined;
  readonly SpotInstanceType?: string | undefined;
  readonly BlockDurationMinutes?: number | undefined;
  readonly ValidUntil?: Instant | undefined;
  readonly InstanceInterruptionBehavior?: string | undefined;
}

export interface StartInstancesRequest {
  readonly InstanceIds?: readonly string[] | undefined;
  readonly AdditionalInfo?: string | undefined;
  readonly DryRun?: boolean | undefined;
}

export interface StartInstancesResult {
  readonly StartingInstances?: readonly InstanceStateChange[] | undefined;
}

export interface StateReason {
  readonly Code?: string | undefined;
  readonly Message?: string | undefined;
}

export interface StopInstancesRequest {
  readonly InstanceIds?: readonly string[] | undefined;
  readonly Hibernate?: boolean | undefined;
  readonly DryRun?: boolean | undefined;
  readonly Force?: boolean | undefined;
}

export interface StopInstancesResult {
  readonly StoppingInstances?: readonly InstanceStateChange[] | undefined;
}

export interface Subnet {
  readonly AvailabilityZone?: string | undefined;
  readonly AvailabilityZoneId?: string | undefined;
  readonly AvailableIpAddressCount?: number | undefined;
  readonly CidrBlock?: string | undefined;
  readonly DefaultForAz?: boolean | undefined;
  readonly EnableLniAtDeviceIndex?: number | undefined;
  readonly MapPublicIpOnLaunch?: boolean | undefined;
  readonly MapCustomerOwnedIpOnLaunch?: boolean | undefined;
  readonly CustomerOwnedIpv4Pool?: string | undefined;
  readonly State?: string | undefined;
  readonly SubnetId?: string | undefined;
  readonly VpcId?: string | undefined;
  readonly OwnerId?: string | undefined;
  readonly AssignIpv6AddressOnCreation?: boolean | undefined;
  readonly Ipv6CidrBlockAssociationSet?: readonly SubnetIpv6CidrBlockAssociation[] | undefined;
  readonly Tags?: readonly Tag[] | undefined;
  readonly SubnetArn?: string | undefined;
  readonly OutpostArn?: string | undefined;
  readonly EnableDns64?: boolean | undefined;
  readonly Ipv6Native?: boolean | undefined;
  readonly PrivateDnsNameOptionsOnLaunch?: PrivateDnsNameOptionsOnLaunch | undefined;
}

export interface SubnetCidrBlockState {
  readonly State?: string | undefined;
  readonly StatusMessage?: string | undefined;
}

export interface SubnetIpv6CidrBlockAssociation {
  readonly AssociationId?: string | undefined;
  readonly Ipv6CidrBlock?: string | undefined;
  readonly Ipv6CidrBlockState?: SubnetCidrBlockState | undefined;
}

export interface Tag {
  readonly Key?: string | undefined;
  readonly Value?: string | undefined;
}

export interface TagDescription {
  readonly Key?: string | undefined;
  readonly ResourceId?: string | undefined;
  readonly ResourceType?: string | undefined;
  readonly Value?: string | undefined;
}

export interface TagSpecification {
  readonly ResourceType?: string | undefined;
  readonly Tags?: readonly Tag[] | undefined;
}

export interface TerminateInstancesRequest {
  readonly InstanceIds?: readonly string[] | undefined;
  readonly DryRun?: boolean | undefined;
}

export interface TerminateInstancesResult {
  readonly TerminatingInstances?: readonly InstanceStateChange[] | undefined;
}

export interface UnmonitorInstancesRequest {
  readonly InstanceIds?: readonly string[] | undefined;
  readonly DryRun?: boolean | undefined;
}

export interface UnmonitorInstancesResult {
  readonly InstanceMonitorings?: readonly InstanceMonitoring[] | undefined;
}

export interface UpdateSecurityGroupRuleDescriptionsEgressRequest {
  readonly DryRun?: boolean | undefined;
  readonly GroupId?: string | undefined;
  readonly GroupName?: string | undefined;
  readonly IpPermissions?: readonly IpPermission[] | undefined;
  readonly SecurityGroupRuleDescriptions?: readonly SecurityGroupRuleDescription[] | undefined;
}

export interface UpdateSecurityGroupRuleDescriptionsEgressResult {
  readonly Return?: boolean | undefined;
}

export interface UpdateSecurityGroupRuleDescriptionsIngressRequest {
  readonly DryRun?: boolean | undefined;
  readonly GroupId?: string | undefined;
  readonly GroupName?: string | undefined;
  readonly IpPermissions?: readonly IpPermission[] | undefined;
  readonly SecurityGroupRuleDescriptions?: readonly SecurityGroupRuleDescription[] | undefined;
}

export interface UpdateSecurityGroupRuleDescriptionsIngressResult {
  readonly Return?: boolean | undefined;
}

export interface UserIdGroupPair {
  readonly Description?: string | undefined;
  readonly GroupId?: string | undefined;
  readonly GroupName?: string | undefined;
  readonly PeeringStatus?: string | undefined;
  readonly UserId?: string | undefined;
  readonly VpcId?: string | undefined;
  readonly VpcPeeringConnectionId?: string | undefined;
}

export interface VCpuInfo {
  readonly DefaultVCpus?: number | undefined;
  readonly DefaultCores?: number | undefined;
  readonly DefaultThreadsPerCore?: number | undefined;
  readonly ValidCores?: readonly number[] | undefined;
  readonly ValidThreadsPerCore?: readonly number[] | undefined;
}

export interface Volume {
  readonly Attachments?: readonly VolumeAttachment[] | undefined;
  readonly AvailabilityZone?: string | undefined;
  readonly CreateTime?: Instant | undefined;
  readonly Encrypted?: boolean | undefined;
  readonly KmsKeyId?: string | undefined;
  readonly OutpostArn?: string | undefined;
  readonly Size?: number | undefined;
  readonly SnapshotId?: string | undefined;
  readonly State?: string | undefined;
  readonly VolumeId?: string | undefined;
  readonly Iops?: number | undefined;
  readonly Tags?: readonly Tag[] | undefined;
  readonly VolumeType?: string | undefined;
  readonly FastRestored?: boolean | undefined;
  readonly MultiAttachEnabled?: boolean | undefined;
  readonly Throughput?: number | undefined;
}

export interface VolumeAttachment {
  readonly AttachTime?: Instant | undefined;
  readonly Device?: string | undefined;
  readonly InstanceId?: string | undefined;
  readonly State?: string | undefined;
  readonly VolumeId?: string | undefined;
  readonly DeleteOnTermination?: boolean | undefined;
}

export interface VolumeModification {
  readonly VolumeId?: string | undefined;
  readonly ModificationState?: string | undefined;
  readonly StatusMessage?: string | undefined;
  readonly TargetSize?: number | undefined;
  readonly TargetIops?: number | undefined;
  readonly TargetVolumeType?: string | undefined;
  readonly TargetThroughput?: number | undefined;
  readonly TargetMultiAttachEnabled?: boolean | undefined;
  readonly OriginalSize?: number | undefined;
  readonly OriginalIops?: number | undefined;
  readonly OriginalVolumeType?: string | undefined;
  readonly OriginalThroughput?: number | undefined;
  readonly OriginalMultiAttachEnabled?: boolean | undefined;
  readonly Progress?: number | undefined;
  readonly StartTime?: Instant | undefined;
  readonly EndTime?: Instant | undefined;
}

export interface VolumeStatusAction {
  readonly Code?: string | undefined;
  readonly Description?: string | undefined;
  readonly EventId?: string | undefined;
  readonly EventType?: string | undefined;
}

export interface VolumeStatusAttachmentStatus {
  readonly IoPerformance?: string | undefined;
  readonly InstanceId?: string | undefined;
}

export interface VolumeStatusDetails {
  readonly Name?: string | undefined;
  readonly Status?: string | undefined;
}

export interface VolumeStatusEvent {
  readonly Description?: string | undefined;
  readonly EventId?: string | undefined;
  readonly EventType?: string | undefined;
  readonly NotAfter?: Instant | undefined;
  readonly NotBefore?: Instant | undefined;
  readonly InstanceId?: string | undefined;
}

export interface VolumeStatusInfo {
  readonly Details?: readonly VolumeStatusDetails[] | undefined;
  readonly Status?: string | undefined;
}

export interface VolumeStatusItem {
  readonly Actions?: readonly VolumeStatusAction[] | undefined;
  readonly AvailabilityZone?: string | undefined;
  readonly OutpostArn?: string | undefined;
  readonly Events?: readonly VolumeStatusEvent[] | undefined;
  readonly VolumeId?: string | undefined;
  readonly VolumeStatus?: VolumeStatusInfo | undefined;
  readonly AttachmentStatuses?: readonly VolumeStatusAttachmentStatus[] | undefined;
}

export interface Vpc {
  readonly CidrBlock?: string | undefined;
  readonly DhcpOptionsId?: string | undefined;
  readonly State?: string | undefined;
  readonly VpcId?: string | undefined;
  readonly OwnerId?: string | undefined;
  readonly InstanceTenancy?: string | undefined;
  readonly Ipv6CidrBlockAssociationSet?: readonly VpcIpv6CidrBlockAssociation[] | undefined;
  readonly CidrBlockAssociationSet?: readonly VpcCidrBlockAssociation[] | undefined;
  readonly IsDefault?: boolean | undefined;
  readonly Tags?: readonly Tag[] | undefined;
}

export interface VpcCidrBlockAssociation {
  readonly AssociationId?: string | undefined;
  readonly CidrBlock?: string | undefined;
  readonly CidrBlockState?: VpcCidrBlockState | undefined;
}

export interface VpcCidrBlockState {
  readonly State?: string | undefined;
  readonly StatusMessage?: string | undefined;
}

export interface VpcIpv6CidrBlockAssociation {
  readonly AssociationId?: string | undefined;
  readonly Ipv6CidrBlock?: string | undefined;
  readonly Ipv6CidrBlockState?: VpcCidrBlockState | undefined;
  readonly NetworkBorderGroup?: string | undefined;
  readonly Ipv6Pool?: string | undefined;
}

export interface Inputs {
  readonly RunInstances: RunInstancesRequest;
  readonly DescribeInstances: DescribeInstancesRequest;
  readonly DescribeInstanceStatus: DescribeInstanceStatusRequest;
  readonly StartInstances: StartInstancesRequest;
  readonly StopInstances: StopInstancesRequest;
  readonly RebootInstances: RebootInstancesRequest;
  readonly TerminateInstances: TerminateInstancesRequest;
  readonly DescribeInstanceAttribute: DescribeInstanceAttributeRequest;
  readonly ModifyInstanceAttribute: ModifyInstanceAttributeRequest;
  readonly ResetInstanceAttribute: ResetInstanceAttributeRequest;
  readonly GetConsoleOutput: GetConsoleOutputRequest;
  readonly ModifyInstanceEventStartTime: ModifyInstanceEventStartTimeRequest;
  readonly MonitorInstances: MonitorInstancesRequest;
  readonly UnmonitorInstances: UnmonitorInstancesRequest;
  readonly DescribeInstanceCreditSpecifications: DescribeInstanceCreditSpecificationsRequest;
  readonly ModifyInstanceMetadataOptions: ModifyInstanceMetadataOptionsRequest;
  readonly DescribeRegions: DescribeRegionsRequest;
  readonly DescribeAvailabilityZones: DescribeAvailabilityZonesRequest;
  readonly DescribeAccountAttributes: DescribeAccountAttributesRequest;
  readonly DescribeInstanceTypes: DescribeInstanceTypesRequest;
  readonly DescribeInstanceTypeOfferings: DescribeInstanceTypeOfferingsRequest;
  readonly CreateTags: CreateTagsRequest;
  readonly DeleteTags: DeleteTagsRequest;
  readonly DescribeTags: DescribeTagsRequest;
  readonly CreateKeyPair: CreateKeyPairRequest;
  readonly ImportKeyPair: ImportKeyPairRequest;
  readonly DescribeKeyPairs: DescribeKeyPairsRequest;
  readonly DeleteKeyPair: DeleteKeyPairRequest;
  readonly DescribeImages: DescribeImagesRequest;
  readonly CreateImage: CreateImageRequest;
  readonly RegisterImage: RegisterImageRequest;
  readonly DeregisterImage: DeregisterImageRequest;
  readonly CopyImage: CopyImageRequest;
  readonly DescribeImageAttribute: DescribeImageAttributeRequest;
  readonly ModifyImageAttribute: ModifyImageAttributeRequest;
  readonly CreateVolume: CreateVolumeRequest;
  readonly DescribeVolumes: DescribeVolumesRequest;
  readonly AttachVolume: AttachVolumeRequest;
  readonly DetachVolume: DetachVolumeRequest;
  readonly DeleteVolume: DeleteVolumeRequest;
  readonly ModifyVolume: ModifyVolumeRequest;
  readonly DescribeVolumesModifications: DescribeVolumesModificationsRequest;
  readonly DescribeVolumeStatus: DescribeVolumeStatusRequest;
  readonly DescribeVolumeAttribute: DescribeVolumeAttributeRequest;
  readonly CreateSnapshot: CreateSnapshotRequest;
  readonly CreateSnapshots: CreateSnapshotsRequest;
  readonly DescribeSnapshots: DescribeSnapshotsRequest;
  readonly DeleteSnapshot: DeleteSnapshotRequest;
  readonly CopySnapshot: CopySnapshotRequest;
  readonly DescribeSnapshotAttribute: DescribeSnapshotAttributeRequest;
  readonly ModifySnapshotAttribute: ModifySnapshotAttributeRequest;
  readonly ResetSnapshotAttribute: ResetSnapshotAttributeRequest;
  readonly AllocateAddress: AllocateAddressRequest;
  readonly AssociateAddress: AssociateAddressRequest;
  readonly DisassociateAddress: DisassociateAddressRequest;
  readonly ReleaseAddress: ReleaseAddressRequest;
  readonly DescribeAddresses: DescribeAddressesRequest;
  readonly DescribeAddressesAttribute: DescribeAddressesAttributeRequest;
  readonly CreateSecurityGroup: CreateSecurityGroupRequest;
  readonly DeleteSecurityGroup: DeleteSecurityGroupRequest;
  readonly DescribeSecurityGroups: DescribeSecurityGroupsRequest;
  readonly DescribeSecurityGroupRules: DescribeSecurityGroupRulesRequest;
  readonly AuthorizeSecurityGroupIngress: AuthorizeSecurityGroupIngressRequest;
  readonly AuthorizeSecurityGroupEgress: AuthorizeSecurityGroupEgressRequest;
  readonly RevokeSecurityGroupIngress: RevokeSecurityGroupIngressRequest;
  readonly RevokeSecurityGroupEgress: RevokeSecurityGroupEgressRequest;
  readonly ModifySecurityGroupRules: ModifySecurityGroupRulesRequest;
  readonly UpdateSecurityGroupRuleDescriptionsIngress: UpdateSecurityGroupRuleDescriptionsIngressRequest;
  readonly UpdateSecurityGroupRuleDescriptionsEgress: UpdateSecurityGroupRuleDescriptionsEgressRequest;
  readonly DescribeVpcs: DescribeVpcsRequest;
  readonly DescribeSubnets: DescribeSubnetsRequest;
  readonly DescribeVpcAttribute: DescribeVpcAttributeRequest;
  readonly DescribeRouteTables: DescribeRouteTablesRequest;
  readonly DescribeNetworkInterfaces: DescribeNetworkInterfacesRequest;
  readonly DescribeNetworkInterfaceAttribute: DescribeNetworkInterfaceAttributeRequest;
  readonly GetEbsEncryptionByDefault: GetEbsEncryptionByDefaultRequest;
  readonly EnableEbsEncryptionByDefault: EnableEbsEncryptionByDefaultRequest;
  readonly DisableEbsEncryptionByDefault: DisableEbsEncryptionByDefaultRequest;
}

export interface Outputs {
  readonly RunInstances: Reservation;
  readonly DescribeInstances: DescribeInstancesResult;
  readonly DescribeInstanceStatus: DescribeInstanceStatusResult;
  readonly StartInstances: StartInstancesResult;
  readonly StopInstances: StopInstancesResult;
  readonly RebootInstances: Nothing;
  readonly TerminateInstances: TerminateInstancesResult;
  readonly DescribeInstanceAttribute: InstanceAttribute;
  readonly ModifyInstanceAttribute: Nothing;
  readonly ResetInstanceAttribute: Nothing;
  readonly GetConsoleOutput: GetConsoleOutputResult;
  readonly ModifyInstanceEventStartTime: ModifyInstanceEventStartTimeResult;
  readonly MonitorInstances: MonitorInstancesResult;
  readonly UnmonitorInstances: UnmonitorInstancesResult;
  readonly DescribeInstanceCreditSpecifications: DescribeInstanceCreditSpecificationsResult;
  readonly ModifyInstanceMetadataOptions: ModifyInstanceMetadataOptionsResult;
  readonly DescribeRegions: DescribeRegionsResult;
  readonly DescribeAvailabilityZones: DescribeAvailabilityZonesResult;
  readonly DescribeAccountAttributes: DescribeAccountAttributesResult;
  readonly DescribeInstanceTypes: DescribeInstanceTypesResult;
  readonly DescribeInstanceTypeOfferings: DescribeInstanceTypeOfferingsResult;
  readonly CreateTags: Nothing;
  readonly DeleteTags: Nothing;
  readonly DescribeTags: DescribeTagsResult;
  readonly CreateKeyPair: KeyPair;
  readonly ImportKeyPair: ImportKeyPairResult;
  readonly DescribeKeyPairs: DescribeKeyPairsResult;
  readonly DeleteKeyPair: Nothing;
  readonly DescribeImages: DescribeImagesResult;
  readonly CreateImage: CreateImageResult;
  readonly RegisterImage: RegisterImageResult;
  readonly DeregisterImage: Nothing;
  readonly CopyImage: CopyImageResult;
  readonly DescribeImageAttribute: ImageAttribute;
  readonly ModifyImageAttribute: Nothing;
  readonly CreateVolume: Volume;
  readonly DescribeVolumes: DescribeVolumesResult;
  readonly AttachVolume: VolumeAttachment;
  readonly DetachVolume: VolumeAttachment;
  readonly DeleteVolume: Nothing;
  readonly ModifyVolume: ModifyVolumeResult;
  readonly DescribeVolumesModifications: DescribeVolumesModificationsResult;
  readonly DescribeVolumeStatus: DescribeVolumeStatusResult;
  readonly DescribeVolumeAttribute: DescribeVolumeAttributeResult;
  readonly CreateSnapshot: Snapshot;
  readonly CreateSnapshots: CreateSnapshotsResult;
  readonly DescribeSnapshots: DescribeSnapshotsResult;
  readonly DeleteSnapshot: Nothing;
  readonly CopySnapshot: CopySnapshotResult;
  readonly DescribeSnapshotAttribute: DescribeSnapshotAttributeResult;
  readonly ModifySnapshotAttribute: Nothing;
  readonly ResetSnapshotAttribute: Nothing;
  readonly AllocateAddress: AllocateAddressResult;
  readonly AssociateAddress: AssociateAddressResult;
  readonly DisassociateAddress: Nothing;
  readonly ReleaseAddress: Nothing;
  readonly DescribeAddresses: DescribeAddressesResult;
  readonly DescribeAddressesAttribute: DescribeAddressesAttributeResult;
  readonly CreateSecurityGroup: CreateSecurityGroupResult;
  readonly DeleteSecurityGroup: Nothing;
  readonly DescribeSecurityGroups: DescribeSecurityGroupsResult;
  readonly DescribeSecurityGroupRules: DescribeSecurityGroupRulesResult;
  readonly AuthorizeSecurityGroupIngress: AuthorizeSecurityGroupIngressResult;
  readonly AuthorizeSecurityGroupEgress: AuthorizeSecurityGroupEgressResult;
  readonly RevokeSecurityGroupIngress: RevokeSecurityGroupIngressResult;
  readonly RevokeSecurityGroupEgress: RevokeSecurityGroupEgressResult;
  readonly ModifySecurityGroupRules: ModifySecurityGroupRulesResult;
  readonly UpdateSecurityGroupRuleDescriptionsIngress: UpdateSecurityGroupRuleDescriptionsIngressResult;
  readonly UpdateSecurityGroupRuleDescriptionsEgress: UpdateSecurityGroupRuleDescriptionsEgressResult;
  readonly DescribeVpcs: DescribeVpcsResult;
  readonly DescribeSubnets: DescribeSubnetsResult;
  readonly DescribeVpcAttribute: DescribeVpcAttributeResult;
  readonly DescribeRouteTables: DescribeRouteTablesResult;
  readonly DescribeNetworkInterfaces: DescribeNetworkInterfacesResult;
  readonly DescribeNetworkInterfaceAttribute: DescribeNetworkInterfaceAttributeResult;
  readonly GetEbsEncryptionByDefault: GetEbsEncryptionByDefaultResult;
  readonly EnableEbsEncryptionByDefault: EnableEbsEncryptionByDefaultResult;
  readonly DisableEbsEncryptionByDefault: DisableEbsEncryptionByDefaultResult;
}

/** No member at all. */
export type Nothing = Readonly<Record<string, never>>;
