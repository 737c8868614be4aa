/**
 * How what the actions of the EC2 API take and give travels. Written by `node --import tsx tools/ec2-model.ts`; do not edit.
 *
 * Of each structure its members: `Name:type`, where `s` is text, `i` and `d` are numbers, `b` is a boolean, `t` a
 * time, and anything else a structure; `*` makes it a list, followed by the name of its elements where that is not
 * `item`. `<xml` and `>query` are its names on the wire where they do not follow from `Name`; `!`: it is required.
 */
export const structures: Readonly<Record<string, string>> = {
  AccountAttribute:
    "AttributeName:s AttributeValues<attributeValueSet>AttributeValueSet:AccountAttributeValue*",
  AccountAttributeValue: "AttributeValue:s",
  Address:
    "InstanceId:s PublicIp:s AllocationId:s AssociationId:s Domain:s NetworkInterfaceId:s NetworkInterfaceOwnerId:s PrivateIpAddress:s Tags<tagSet>TagSet:Tag* PublicIpv4Pool:s NetworkBorderGroup:s CustomerOwnedIp:s CustomerOwnedIpv4Pool:s CarrierIp:s",
  AddressAttribute: "PublicIp:s AllocationId:s PtrRecord:s PtrRecordUpdate:PtrUpdateStatus",
  AllocateAddressRequest:
    "Domain<Domain:s Address<Address:s PublicIpv4Pool<PublicIpv4Pool:s NetworkBorderGroup<NetworkBorderGroup:s CustomerOwnedIpv4Pool<CustomerOwnedIpv4Pool:s DryRun:b TagSpecifications<TagSpecification>TagSpecification:TagSpecification*",
  AllocateAddressResult:
    "PublicIp:s AllocationId:s PublicIpv4Pool:s NetworkBorderGroup:s Domain:s CustomerOwnedIp:s CustomerOwnedIpv4Pool:s CarrierIp:s",
  AssociateAddressRequest:
    "AllocationId<AllocationId:s InstanceId<InstanceId:s PublicIp<PublicIp:s AllowReassociation:b DryRun:b NetworkInterfaceId:s PrivateIpAddress:s",
  AssociateAddressResult: "AssociationId:s",
  AttachVolumeRequest: "Device<Device!:s InstanceId<InstanceId!:s VolumeId<VolumeId!:s DryRun:b",
  AttachmentEnaSrdSpecification:
    "EnaSrdEnabled:b EnaSrdUdpSpecification:AttachmentEnaSrdUdpSpecification",
  AttachmentEnaSrdUdpSpecification: "EnaSrdUdpEnabled:b",
  AttributeBooleanValue: "Value:b",
  AttributeValue: "Value:s",
  AuthorizeSecurityGroupEgressRequest:
    "DryRun:b GroupId!:s IpPermissions:IpPermission* TagSpecifications<TagSpecification>TagSpecification:TagSpecification* CidrIp:s FromPort:i IpProtocol:s ToPort:i SourceSecurityGroupName:s SourceSecurityGroupOwnerId:s",
  AuthorizeSecurityGroupEgressResult:
    "Return:b SecurityGroupRules<securityGroupRuleSet>SecurityGroupRuleSet:SecurityGroupRule*",
  AuthorizeSecurityGroupIngressRequest:
    "CidrIp<CidrIp:s FromPort<FromPort:i GroupId<GroupId:s GroupName<GroupName:s IpPermissions<IpPermissions:IpPermission* IpProtocol<IpProtocol:s SourceSecurityGroupName<SourceSecurityGroupName:s SourceSecurityGroupOwnerId<SourceSecurityGroupOwnerId:s ToPort<ToPort:i DryRun:b TagSpecifications<TagSpecification>TagSpecification:TagSpecification*",
  AuthorizeSecurityGroupIngressResult:
    "Return:b SecurityGroupRules<securityGroupRuleSet>SecurityGroupRuleSet:SecurityGroupRule*",
  AvailabilityZone:
    "State<zoneState>ZoneState:s OptInStatus:s Messages<messageSet>MessageSet:AvailabilityZoneMessage* RegionName:s ZoneName:s ZoneId:s GroupName:s NetworkBorderGroup:s ZoneType:s ParentZoneName:s ParentZoneId:s",
  AvailabilityZoneMessage: "Message:s",
  BlobAttributeValue: "Value:s",
  BlockDeviceMapping: "DeviceName:s VirtualName:s Ebs:EbsBlockDevice NoDevice:s",
  CapacityReservationSpecification:
    "CapacityReservationPreference<CapacityReservationPreference:s CapacityReservationTarget<CapacityReservationTarget:CapacityReservationTarget",
  CapacityReservationSpecificationResponse:
    "CapacityReservationPreference:s CapacityReservationTarget:CapacityReservationTargetResponse",
  CapacityReservationTarget:
    "CapacityReservationId<CapacityReservationId:s CapacityReservationResourceGroupArn<CapacityReservationResourceGroupArn:s",
  CapacityReservationTargetResponse:
    "CapacityReservationId:s CapacityReservationResourceGroupArn:s",
  CopyImageRequest:
    "ClientToken<ClientToken:s Description<Description:s Encrypted:b KmsKeyId:s Name<Name!:s SourceImageId<SourceImageId!:s SourceRegion<SourceRegion!:s DestinationOutpostArn<DestinationOutpostArn:s DryRun:b CopyImageTags<CopyImageTags:b",
  CopyImageResult: "ImageId:s",
  CopySnapshotRequest:
    "Description<Description:s DestinationOutpostArn<DestinationOutpostArn:s DestinationRegion:s Encrypted:b KmsKeyId:s PresignedUrl:s SourceRegion<SourceRegion!:s SourceSnapshotId<SourceSnapshotId!:s TagSpecifications<TagSpecification>TagSpecification:TagSpecification* DryRun:b",
  CopySnapshotResult: "SnapshotId:s Tags<tagSet>TagSet:Tag*",
  CpuOptions: "CoreCount:i ThreadsPerCore:i",
  CpuOptionsRequest: "CoreCount<CoreCount:i ThreadsPerCore<ThreadsPerCore:i",
  CreateImageRequest:
    "BlockDeviceMappings<blockDeviceMapping>BlockDeviceMapping:BlockDeviceMapping*BlockDeviceMapping Description:s DryRun:b InstanceId!:s Name!:s NoReboot:b TagSpecifications<TagSpecification>TagSpecification:TagSpecification*",
  CreateImageResult: "ImageId:s",
  CreateKeyPairRequest:
    "KeyName<KeyName!:s DryRun:b KeyType<KeyType:s TagSpecifications<TagSpecification>TagSpecification:TagSpecification* KeyFormat<KeyFormat:s",
  CreateSecurityGroupRequest:
    "Description<GroupDescription>GroupDescription!:s GroupName<GroupName!:s VpcId<VpcId:s TagSpecifications<TagSpecification>TagSpecification:TagSpecification* DryRun:b",
  CreateSecurityGroupResult: "GroupId:s Tags<tagSet>TagSet:Tag*",
  CreateSnapshotRequest:
    "Description<Description:s OutpostArn<OutpostArn:s VolumeId<VolumeId!:s TagSpecifications<TagSpecification>TagSpecification:TagSpecification* DryRun:b",
  CreateSnapshotsRequest:
    "Description<Description:s InstanceSpecification<InstanceSpecification!:InstanceSpecification OutpostArn<OutpostArn:s TagSpecifications<TagSpecification>TagSpecification:TagSpecification* DryRun<DryRun:b CopyTagsFromSource<CopyTagsFromSource:s",
  CreateSnapshotsResult: "Snapshots<snapshotSet>SnapshotSet:SnapshotInfo*",
  CreateTagsRequest: "DryRun:b Resources<ResourceId>ResourceId!:s* Tags<Tag>Tag!:Tag*",
  CreateVolumePermission: "Group:s UserId:s",
  CreateVolumePermissionModifications:
    "Add<Add:CreateVolumePermission* Remove<Remove:CreateVolumePermission*",
  CreateVolumeRequest:
    "AvailabilityZone<AvailabilityZone!:s Encrypted:b Iops<Iops:i KmsKeyId<KmsKeyId:s OutpostArn<OutpostArn:s Size<Size:i SnapshotId<SnapshotId:s VolumeType<VolumeType:s DryRun:b TagSpecifications<TagSpecification>TagSpecification:TagSpecification* MultiAttachEnabled<MultiAttachEnabled:b Throughput<Throughput:i ClientToken<ClientToken:s",
  CreditSpecificationRequest: "CpuCredits<CpuCredits!:s",
  DeleteKeyPairRequest: "KeyName<KeyName:s KeyPairId<KeyPairId:s DryRun:b",
  DeleteSecurityGroupRequest: "GroupId<GroupId:s GroupName<GroupName:s DryRun:b",
  DeleteSnapshotRequest: "SnapshotId<SnapshotId!:s DryRun:b",
  DeleteTagsRequest: "DryRun:b Resources<resourceId>ResourceId!:s* Tags<tag>Tag:Tag*",
  DeleteVolumeRequest: "VolumeId<VolumeId!:s DryRun:b",
  DeregisterImageRequest: "ImageId<ImageId!:s DryRun:b",
  DescribeAccountAttributesRequest:
    "AttributeNames<attributeName>AttributeName:s*attributeName DryRun:b",
  DescribeAccountAttributesResult:
    "AccountAttributes<accountAttributeSet>AccountAttributeSet:AccountAttribute*",
  DescribeAddressesAttributeRequest:
    "AllocationIds<AllocationId>AllocationId:s* Attribute<Attribute:s NextToken<NextToken:s MaxResults<MaxResults:i DryRun<DryRun:b",
  DescribeAddressesAttributeResult: "Addresses<addressSet>AddressSet:AddressAttribute* NextToken:s",
  DescribeAddressesRequest:
    "Filters<Filter>Filter:Filter*Filter PublicIps<PublicIp>PublicIp:s*PublicIp AllocationIds<AllocationId>AllocationId:s*AllocationId DryRun:b",
  DescribeAddressesResult: "Addresses<addressesSet>AddressesSet:Address*",
  DescribeAvailabilityZonesRequest:
    "Filters<Filter>Filter:Filter*Filter ZoneNames<ZoneName>ZoneName:s*ZoneName ZoneIds<ZoneId>ZoneId:s*ZoneId AllAvailabilityZones<AllAvailabilityZones:b DryRun:b",
  DescribeAvailabilityZonesResult:
    "AvailabilityZones<availabilityZoneInfo>AvailabilityZoneInfo:AvailabilityZone*",
  DescribeImageAttributeRequest: "Attribute<Attribute!:s ImageId<ImageId!:s DryRun:b",
  DescribeImagesRequest:
    "ExecutableUsers<ExecutableBy>ExecutableBy:s*ExecutableBy Filters<Filter>Filter:Filter*Filter ImageIds<ImageId>ImageId:s*ImageId Owners<Owner>Owner:s*Owner IncludeDeprecated<IncludeDeprecated:b DryRun:b MaxResults<MaxResults:i NextToken<NextToken:s",
  DescribeImagesResult: "Images<imagesSet>ImagesSet:Image* NextToken:s",
  DescribeInstanceAttributeRequest: "Attribute!:s DryRun:b InstanceId!:s",
  DescribeInstanceCreditSpecificationsRequest:
    "DryRun<DryRun:b Filters<Filter>Filter:Filter*Filter InstanceIds<InstanceId>InstanceId:s*InstanceId MaxResults<MaxResults:i NextToken<NextToken:s",
  DescribeInstanceCreditSpecificationsResult:
    "InstanceCreditSpecifications<instanceCreditSpecificationSet>InstanceCreditSpecificationSet:InstanceCreditSpecification* NextToken:s",
  DescribeInstanceStatusRequest:
    "Filters<Filter>Filter:Filter*Filter InstanceIds<InstanceId>InstanceId:s*InstanceId MaxResults<MaxResults:i NextToken<NextToken:s DryRun:b IncludeAllInstances:b",
  DescribeInstanceStatusResult:
    "InstanceStatuses<instanceStatusSet>InstanceStatusSet:InstanceStatus* NextToken:s",
  DescribeInstanceTypeOfferingsRequest:
    "DryRun<DryRun:b LocationType<LocationType:s Filters<Filter>Filter:Filter*Filter MaxResults<MaxResults:i NextToken<NextToken:s",
  DescribeInstanceTypeOfferingsResult:
    "InstanceTypeOfferings<instanceTypeOfferingSet>InstanceTypeOfferingSet:InstanceTypeOffering* NextToken:s",
  DescribeInstanceTypesRequest:
    "DryRun<DryRun:b InstanceTypes<InstanceType>InstanceType:s* Filters<Filter>Filter:Filter*Filter MaxResults<MaxResults:i NextToken<NextToken:s",
  DescribeInstanceTypesResult:
    "InstanceTypes<instanceTypeSet>InstanceTypeSet:InstanceTypeInfo* NextToken:s",
  DescribeInstancesRequest:
    "Filters<Filter>Filter:Filter*Filter InstanceIds<InstanceId>InstanceId:s*InstanceId DryRun:b MaxResults:i NextToken:s",
  DescribeInstancesResult: "Reservations<reservationSet>ReservationSet:Reservation* NextToken:s",
  DescribeKeyPairsRequest:
    "Filters<Filter>Filter:Filter*Filter KeyNames<KeyName>KeyName:s*KeyName KeyPairIds<KeyPairId>KeyPairId:s*KeyPairId DryRun:b IncludePublicKey<IncludePublicKey:b",
  DescribeKeyPairsResult: "KeyPairs<keySet>KeySet:KeyPairInfo*",
  DescribeNetworkInterfaceAttributeRequest: "Attribute:s DryRun:b NetworkInterfaceId!:s",
  DescribeNetworkInterfaceAttributeResult:
    "Attachment:NetworkInterfaceAttachment Description:AttributeValue Groups<groupSet>GroupSet:GroupIdentifier* NetworkInterfaceId:s SourceDestCheck:AttributeBooleanValue",
  DescribeNetworkInterfacesRequest:
    "Filters<filter>Filter:Filter*Filter DryRun:b NetworkInterfaceIds<NetworkInterfaceId>NetworkInterfaceId:s* NextToken<NextToken:s MaxResults<MaxResults:i",
  DescribeNetworkInterfacesResult:
    "NetworkInterfaces<networkInterfaceSet>NetworkInterfaceSet:NetworkInterface* NextToken:s",
  DescribeRegionsRequest:
    "Filters<Filter>Filter:Filter*Filter RegionNames<RegionName>RegionName:s*RegionName DryRun:b AllRegions<AllRegions:b",
  DescribeRegionsResult: "Regions<regionInfo>RegionInfo:Region*",
  DescribeRouteTablesRequest:
    "Filters<Filter>Filter:Filter*Filter DryRun:b RouteTableIds<RouteTableId>RouteTableId:s* NextToken<NextToken:s MaxResults<MaxResults:i",
  DescribeRouteTablesResult: "RouteTables<routeTableSet>RouteTableSet:RouteTable* NextToken:s",
  DescribeSecurityGroupRulesRequest:
    "Filters<Filter>Filter:Filter*Filter SecurityGroupRuleIds<SecurityGroupRuleId>SecurityGroupRuleId:s* DryRun<DryRun:b NextToken<NextToken:s MaxResults<MaxResults:i",
  DescribeSecurityGroupRulesResult:
    "SecurityGroupRules<securityGroupRuleSet>SecurityGroupRuleSet:SecurityGroupRule* NextToken:s",
  DescribeSecurityGroupsRequest:
    "Filters<Filter>Filter:Filter*Filter GroupIds<GroupId>GroupId:s*groupId GroupNames<GroupName>GroupName:s*GroupName DryRun:b NextToken<NextToken:s MaxResults<MaxResults:i",
  DescribeSecurityGroupsResult:
    "SecurityGroups<securityGroupInfo>SecurityGroupInfo:SecurityGroup* NextToken:s",
  DescribeSnapshotAttributeRequest: "Attribute<Attribute!:s SnapshotId<SnapshotId!:s DryRun:b",
  DescribeSnapshotAttributeResult:
    "CreateVolumePermissions<createVolumePermission>CreateVolumePermission:CreateVolumePermission* ProductCodes:ProductCode* SnapshotId:s",
  DescribeSnapshotsRequest:
    "Filters<Filter>Filter:Filter*Filter MaxResults<MaxResults:i NextToken<NextToken:s OwnerIds<Owner>Owner:s*Owner RestorableByUserIds<RestorableBy>RestorableBy:s* SnapshotIds<SnapshotId>SnapshotId:s*SnapshotId DryRun:b",
  DescribeSnapshotsResult: "Snapshots<snapshotSet>SnapshotSet:Snapshot* NextToken:s",
  DescribeSubnetsRequest:
    "Filters<Filter>Filter:Filter*Filter SubnetIds<SubnetId>SubnetId:s*SubnetId DryRun:b NextToken<NextToken:s MaxResults<MaxResults:i",
  DescribeSubnetsResult: "Subnets<subnetSet>SubnetSet:Subnet* NextToken:s",
  DescribeTagsRequest: "DryRun:b Filters<Filter>Filter:Filter*Filter MaxResults:i NextToken:s",
  DescribeTagsResult: "NextToken:s Tags<tagSet>TagSet:TagDescription*",
  DescribeVolumeAttributeRequest: "Attribute<Attribute!:s VolumeId<VolumeId!:s DryRun:b",
  DescribeVolumeAttributeResult:
    "AutoEnableIO:AttributeBooleanValue ProductCodes:ProductCode* VolumeId:s",
  DescribeVolumeStatusRequest:
    "Filters<Filter>Filter:Filter*Filter MaxResults<MaxResults:i NextToken<NextToken:s VolumeIds<VolumeId>VolumeId:s*VolumeId DryRun:b",
  DescribeVolumeStatusResult:
    "NextToken:s VolumeStatuses<volumeStatusSet>VolumeStatusSet:VolumeStatusItem*",
  DescribeVolumesModificationsRequest:
    "DryRun<DryRun:b VolumeIds<VolumeId>VolumeId:s*VolumeId Filters<Filter>Filter:Filter*Filter NextToken<NextToken:s MaxResults<MaxResults:i",
  DescribeVolumesModificationsResult:
    "VolumesModifications<volumeModificationSet>VolumeModificationSet:VolumeModification* NextToken:s",
  DescribeVolumesRequest:
    "Filters<Filter>Filter:Filter*Filter VolumeIds<VolumeId>VolumeId:s*VolumeId DryRun:b MaxResults:i NextToken:s",
  DescribeVolumesResult: "Volumes<volumeSet>VolumeSet:Volume* NextToken:s",
  DescribeVpcAttributeRequest: "Attribute<Attribute!:s VpcId<VpcId!:s DryRun:b",
  DescribeVpcAttributeResult:
    "VpcId:s EnableDnsHostnames:AttributeBooleanValue EnableDnsSupport:AttributeBooleanValue EnableNetworkAddressUsageMetrics:AttributeBooleanValue",
  DescribeVpcsRequest:
    "Filters<Filter>Filter:Filter*Filter VpcIds<VpcId>VpcId:s*VpcId DryRun:b NextToken<NextToken:s MaxResults<MaxResults:i",
  DescribeVpcsResult: "Vpcs<vpcSet>VpcSet:Vpc* NextToken:s",
  DetachVolumeRequest:
    "Device<Device:s Force<Force:b InstanceId<InstanceId:s VolumeId<VolumeId!:s DryRun:b",
  DisableEbsEncryptionByDefaultRequest: "DryRun<DryRun:b",
  DisableEbsEncryptionByDefaultResult: "EbsEncryptionByDefault:b",
  DisassociateAddressRequest: "AssociationId<AssociationId:s PublicIp<PublicIp:s DryRun:b",
  DiskInfo: "SizeInGB:i Count:i Type:s",
  EbsBlockDevice:
    "DeleteOnTermination:b Iops:i SnapshotId:s VolumeSize:i VolumeType:s KmsKeyId:s Throughput:i OutpostArn:s Encrypted:b",
  EbsInfo:
    "EbsOptimizedSupport:s EncryptionSupport:s EbsOptimizedInfo:EbsOptimizedInfo NvmeSupport:s",
  EbsInstanceBlockDevice: "AttachTime:t DeleteOnTermination:b Status:s VolumeId:s",
  EbsInstanceBlockDeviceSpecification: "DeleteOnTermination:b VolumeId:s",
  EbsOptimizedInfo:
    "BaselineBandwidthInMbps:i BaselineThroughputInMBps:d BaselineIops:i MaximumBandwidthInMbps:i MaximumThroughputInMBps:d MaximumIops:i",
  EbsStatusDetails: "ImpairedSince:t Name:s Status:s",
  EbsStatusSummary: "Details:EbsStatusDetails* Status:s",
  EfaInfo: "MaximumEfaInterfaces:i",
  ElasticGpuAssociation:
    "ElasticGpuId:s ElasticGpuAssociationId:s ElasticGpuAssociationState:s ElasticGpuAssociationTime:s",
  ElasticGpuSpecification: "Type<Type!:s",
  ElasticInferenceAccelerator: "Type<Type!:s Count<Count:i",
  ElasticInferenceAcceleratorAssociation:
    "ElasticInferenceAcceleratorArn:s ElasticInferenceAcceleratorAssociationId:s ElasticInferenceAcceleratorAssociationState:s ElasticInferenceAcceleratorAssociationTime:t",
  EnableEbsEncryptionByDefaultRequest: "DryRun<DryRun:b",
  EnableEbsEncryptionByDefaultResult: "EbsEncryptionByDefault:b",
  EnclaveOptions: "Enabled:b",
  EnclaveOptionsRequest: "Enabled<Enabled:b",
  Filter: "Name<Name:s Values<Value>Value:s*",
  FpgaDeviceInfo: "Name:s Manufacturer:s Count:i MemoryInfo:FpgaDeviceMemoryInfo",
  FpgaDeviceMemoryInfo: "SizeInMiB:i",
  FpgaInfo: "Fpgas:FpgaDeviceInfo* TotalFpgaMemoryInMiB:i",
  GetConsoleOutputRequest: "InstanceId<InstanceId!:s DryRun:b Latest<Latest:b",
  GetConsoleOutputResult: "InstanceId:s Output:s Timestamp:t",
  GetEbsEncryptionByDefaultRequest: "DryRun<DryRun:b",
  GetEbsEncryptionByDefaultResult: "EbsEncryptionByDefault:b",
  GpuDeviceInfo: "Name:s Manufacturer:s Count:i MemoryInfo:GpuDeviceMemoryInfo",
  GpuDeviceMemoryInfo: "SizeInMiB:i",
  GpuInfo: "Gpus:GpuDeviceInfo* TotalGpuMemoryInMiB:i",
  GroupIdentifier: "GroupName:s GroupId:s",
  HibernationOptions: "Configured:b",
  HibernationOptionsRequest: "Configured<Configured:b",
  IamInstanceProfile: "Arn:s Id:s",
  IamInstanceProfileSpecification: "Arn:s Name:s",
  Image:
    "Architecture:s CreationDate:s ImageId:s ImageLocation:s ImageType:s Public<isPublic>IsPublic:b KernelId:s OwnerId<imageOwnerId>ImageOwnerId:s Platform:s PlatformDetails:s UsageOperation:s ProductCodes:ProductCode* RamdiskId:s State<imageState>ImageState:s BlockDeviceMappings<blockDeviceMapping>BlockDeviceMapping:BlockDeviceMapping* Description:s EnaSupport:b Hypervisor:s ImageOwnerAlias:s Name:s RootDeviceName:s RootDeviceType:s SriovNetSupport:s StateReason:StateReason Tags<tagSet>TagSet:Tag* VirtualizationType:s BootMode:s TpmSupport:s DeprecationTime:s ImdsSupport:s",
  ImageAttribute:
    "BlockDeviceMappings<blockDeviceMapping>BlockDeviceMapping:BlockDeviceMapping* ImageId:s LaunchPermissions<launchPermission>LaunchPermission:LaunchPermission* ProductCodes:ProductCode* Description:AttributeValue KernelId<kernel>Kernel:AttributeValue RamdiskId<ramdisk>Ramdisk:AttributeValue SriovNetSupport:AttributeValue BootMode:AttributeValue TpmSupport:AttributeValue UefiData:AttributeValue LastLaunchedTime:AttributeValue ImdsSupport:AttributeValue",
  ImportKeyPairRequest:
    "DryRun:b KeyName!:s PublicKeyMaterial!:s TagSpecifications<TagSpecification>TagSpecification:TagSpecification*",
  ImportKeyPairResult: "KeyFingerprint:s KeyName:s KeyPairId:s Tags<tagSet>TagSet:Tag*",
  InferenceAcceleratorInfo: "Accelerators:InferenceDeviceInfo*",
  InferenceDeviceInfo: "Count:i Name:s Manufacturer:s",
  Instance:
    "AmiLaunchIndex:i ImageId:s InstanceId:s InstanceType:s KernelId:s KeyName:s LaunchTime:t Monitoring:Monitoring Placement:Placement Platform:s PrivateDnsName:s PrivateIpAddress:s ProductCodes:ProductCode* PublicDnsName<dnsName>DnsName:s PublicIpAddress<ipAddress>IpAddress:s RamdiskId:s State<instanceState>InstanceState:InstanceState StateTransitionReason<reason>Reason:s SubnetId:s VpcId:s Architecture:s BlockDeviceMappings<blockDeviceMapping>BlockDeviceMapping:InstanceBlockDeviceMapping* ClientToken:s EbsOptimized:b EnaSupport:b Hypervisor:s IamInstanceProfile:IamInstanceProfile InstanceLifecycle:s ElasticGpuAssociations<elasticGpuAssociationSet>ElasticGpuAssociationSet:ElasticGpuAssociation* ElasticInferenceAcceleratorAssociations<elasticInferenceAcceleratorAssociationSet>ElasticInferenceAcceleratorAssociationSet:ElasticInferenceAcceleratorAssociation* NetworkInterfaces<networkInterfaceSet>NetworkInterfaceSet:InstanceNetworkInterface* OutpostArn:s RootDeviceName:s RootDeviceType:s SecurityGroups<groupSet>GroupSet:GroupIdentifier* SourceDestCheck:b SpotInstanceRequestId:s SriovNetSupport:s StateReason:StateReason Tags<tagSet>TagSet:Tag* VirtualizationType:s CpuOptions:CpuOptions CapacityReservationId:s CapacityReservationSpecification:CapacityReservationSpecificationResponse HibernationOptions:HibernationOptions Licenses<licenseSet>LicenseSet:LicenseConfiguration* MetadataOptions:InstanceMetadataOptionsResponse EnclaveOptions:EnclaveOptions BootMode:s PlatformDetails:s UsageOperation:s UsageOperationUpdateTime:t PrivateDnsNameOptions:PrivateDnsNameOptionsResponse Ipv6Address:s TpmSupport:s MaintenanceOptions:InstanceMaintenanceOptions",
  InstanceAttribute:
    "Groups<groupSet>GroupSet:GroupIdentifier* BlockDeviceMappings<blockDeviceMapping>BlockDeviceMapping:InstanceBlockDeviceMapping* DisableApiTermination:AttributeBooleanValue EnaSupport:AttributeBooleanValue EnclaveOptions:EnclaveOptions EbsOptimized:AttributeBooleanValue InstanceId:s InstanceInitiatedShutdownBehavior:AttributeValue InstanceType:AttributeValue KernelId<kernel>Kernel:AttributeValue ProductCodes:ProductCode* RamdiskId<ramdisk>Ramdisk:AttributeValue RootDeviceName:AttributeValue SourceDestCheck:AttributeBooleanValue SriovNetSupport:AttributeValue UserData:AttributeValue DisableApiStop:AttributeBooleanValue",
  InstanceBlockDeviceMapping: "DeviceName:s Ebs:EbsInstanceBlockDevice",
  InstanceBlockDeviceMappingSpecification:
    "DeviceName:s Ebs:EbsInstanceBlockDeviceSpecification NoDevice:s VirtualName:s",
  InstanceCreditSpecification: "InstanceId:s CpuCredits:s",
  InstanceIpv4Prefix: "Ipv4Prefix:s",
  InstanceIpv6Address: "Ipv6Address:s",
  InstanceIpv6Prefix: "Ipv6Prefix:s",
  InstanceMaintenanceOptions: "AutoRecovery:s",
  InstanceMaintenanceOptionsRequest: "AutoRecovery<AutoRecovery:s",
  InstanceMarketOptionsRequest: "MarketType<MarketType:s SpotOptions<SpotOptions:SpotMarketOptions",
  InstanceMetadataOptionsRequest:
    "HttpTokens<HttpTokens:s HttpPutResponseHopLimit<HttpPutResponseHopLimit:i HttpEndpoint<HttpEndpoint:s HttpProtocolIpv6<HttpProtocolIpv6:s InstanceMetadataTags<InstanceMetadataTags:s",
  InstanceMetadataOptionsResponse:
    "State:s HttpTokens:s HttpPutResponseHopLimit:i HttpEndpoint:s HttpProtocolIpv6:s InstanceMetadataTags:s",
  InstanceMonitoring: "InstanceId:s Monitoring:Monitoring",
  InstanceNetworkInterface:
    "Association:InstanceNetworkInterfaceAssociation Attachment:InstanceNetworkInterfaceAttachment Description:s Groups<groupSet>GroupSet:GroupIdentifier* Ipv6Addresses<ipv6AddressesSet>Ipv6AddressesSet:InstanceIpv6Address* MacAddress:s NetworkInterfaceId:s OwnerId:s PrivateDnsName:s PrivateIpAddress:s PrivateIpAddresses<privateIpAddressesSet>PrivateIpAddressesSet:InstancePrivateIpAddress* SourceDestCheck:b Status:s SubnetId:s VpcId:s InterfaceType:s Ipv4Prefixes<ipv4PrefixSet>Ipv4PrefixSet:InstanceIpv4Prefix* Ipv6Prefixes<ipv6PrefixSet>Ipv6PrefixSet:InstanceIpv6Prefix*",
  InstanceNetworkInterfaceAssociation:
    "CarrierIp:s CustomerOwnedIp:s IpOwnerId:s PublicDnsName:s PublicIp:s",
  InstanceNetworkInterfaceAttachment:
    "AttachTime:t AttachmentId:s DeleteOnTermination:b DeviceIndex:i Status:s NetworkCardIndex:i",
  InstanceNetworkInterfaceSpecification:
    "AssociatePublicIpAddress:b DeleteOnTermination:b Description:s DeviceIndex:i Groups<SecurityGroupId>SecurityGroupId:s*SecurityGroupId Ipv6AddressCount:i Ipv6Addresses<ipv6AddressesSet:InstanceIpv6Address* NetworkInterfaceId:s PrivateIpAddress:s PrivateIpAddresses<privateIpAddressesSet:PrivateIpAddressSpecification* SecondaryPrivateIpAddressCount:i SubnetId:s AssociateCarrierIpAddress<AssociateCarrierIpAddress:b InterfaceType<InterfaceType:s NetworkCardIndex<NetworkCardIndex:i Ipv4Prefixes<Ipv4Prefix>Ipv4Prefix:Ipv4PrefixSpecificationRequest* Ipv4PrefixCount<Ipv4PrefixCount:i Ipv6Prefixes<Ipv6Prefix>Ipv6Prefix:Ipv6PrefixSpecificationRequest* Ipv6PrefixCount<Ipv6PrefixCount:i",
  InstancePrivateIpAddress:
    "Association:InstanceNetworkInterfaceAssociation Primary:b PrivateDnsName:s PrivateIpAddress:s",
  InstanceSpecification:
    "InstanceId<InstanceId:s ExcludeBootVolume<ExcludeBootVolume:b ExcludeDataVolumeIds<ExcludeDataVolumeId>ExcludeDataVolumeId:s*VolumeId",
  InstanceState: "Code:i Name:s",
  InstanceStateChange: "CurrentState:InstanceState InstanceId:s PreviousState:InstanceState",
  InstanceStatus:
    "AvailabilityZone:s OutpostArn:s Events<eventsSet>EventsSet:InstanceStatusEvent* InstanceId:s InstanceState:InstanceState InstanceStatus:InstanceStatusSummary SystemStatus:InstanceStatusSummary AttachedEbsStatus:EbsStatusSummary",
  InstanceStatusDetails: "ImpairedSince:t Name:s Status:s",
  InstanceStatusEvent:
    "InstanceEventId:s Code:s Description:s NotAfter:t NotBefore:t NotBeforeDeadline:t",
  InstanceStatusSummary: "Details:InstanceStatusDetails* Status:s",
  InstanceStorageInfo: "TotalSizeInGB:i Disks:DiskInfo* NvmeSupport:s EncryptionSupport:s",
  InstanceTypeInfo:
    "InstanceType:s CurrentGeneration:b FreeTierEligible:b SupportedUsageClasses:s* SupportedRootDeviceTypes:s* SupportedVirtualizationTypes:s* BareMetal:b Hypervisor:s ProcessorInfo:ProcessorInfo VCpuInfo:VCpuInfo MemoryInfo:MemoryInfo InstanceStorageSupported:b InstanceStorageInfo:InstanceStorageInfo EbsInfo:EbsInfo NetworkInfo:NetworkInfo GpuInfo:GpuInfo FpgaInfo:FpgaInfo PlacementGroupInfo:PlacementGroupInfo InferenceAcceleratorInfo:InferenceAcceleratorInfo HibernationSupported:b BurstablePerformanceSupported:b DedicatedHostsSupported:b AutoRecoverySupported:b SupportedBootModes:s*",
  InstanceTypeOffering: "InstanceType:s LocationType:s Location:s",
  IpPermission:
    "FromPort:i IpProtocol:s IpRanges:IpRange* Ipv6Ranges:Ipv6Range* PrefixListIds:PrefixListId* ToPort:i UserIdGroupPairs<groups>Groups:UserIdGroupPair*",
  IpRange: "CidrIp:s Description:s",
  Ipv4PrefixSpecification: "Ipv4Prefix:s",
  Ipv4PrefixSpecificationRequest: "Ipv4Prefix<Ipv4Prefix:s",
  Ipv6PrefixSpecification: "Ipv6Prefix:s",
  Ipv6PrefixSpecificationRequest: "Ipv6Prefix<Ipv6Prefix:s",
  Ipv6Range: "CidrIpv6:s Description:s",
  KeyPair: "KeyFingerprint:s KeyMaterial:s KeyName:s KeyPairId:s Tags<tagSet>TagSet:Tag*",
  KeyPairInfo:
    "KeyPairId:s KeyFingerprint:s KeyName:s KeyType:s Tags<tagSet>TagSet:Tag* PublicKey:s CreateTime:t",
  LaunchPermission: "Group:s UserId:s OrganizationArn:s OrganizationalUnitArn:s",
  LaunchPermissionModifications: "Add<Add:LaunchPermission* Remove<Remove:LaunchPermission*",
  LaunchTemplateSpecification:
    "LaunchTemplateId<LaunchTemplateId:s LaunchTemplateName<LaunchTemplateName:s Version<Version:s",
  LicenseConfiguration: "LicenseConfigurationArn:s",
  LicenseConfigurationRequest: "LicenseConfigurationArn<LicenseConfigurationArn:s",
  MemoryInfo: "SizeInMiB:i",
  ModifyImageAttributeRequest:
    "Attribute<Attribute:s Description<Description:AttributeValue ImageId<ImageId!:s LaunchPermission<LaunchPermission:LaunchPermissionModifications OperationType<OperationType:s ProductCodes<ProductCode>ProductCode:s*ProductCode UserGroups<UserGroup>UserGroup:s*UserGroup UserIds<UserId>UserId:s*UserId Value<Value:s DryRun:b OrganizationArns<OrganizationArn>OrganizationArn:s*OrganizationArn OrganizationalUnitArns<OrganizationalUnitArn>OrganizationalUnitArn:s*OrganizationalUnitArn",
  ModifyInstanceAttributeRequest:
    "SourceDestCheck<SourceDestCheck:AttributeBooleanValue Attribute:s BlockDeviceMappings<blockDeviceMapping>BlockDeviceMapping:InstanceBlockDeviceMappingSpecification* DisableApiTermination:AttributeBooleanValue DryRun:b EbsOptimized:AttributeBooleanValue EnaSupport:AttributeBooleanValue Groups<GroupId>GroupId:s*groupId InstanceId!:s InstanceInitiatedShutdownBehavior:AttributeValue InstanceType:AttributeValue Kernel:AttributeValue Ramdisk:AttributeValue SriovNetSupport:AttributeValue UserData:BlobAttributeValue Value:s DisableApiStop<DisableApiStop:AttributeBooleanValue",
  ModifyInstanceEventStartTimeRequest:
    "DryRun<DryRun:b InstanceId<InstanceId!:s InstanceEventId<InstanceEventId!:s NotBefore<NotBefore!:t",
  ModifyInstanceEventStartTimeResult: "Event:InstanceStatusEvent",
  ModifyInstanceMetadataOptionsRequest:
    "InstanceId<InstanceId!:s HttpTokens<HttpTokens:s HttpPutResponseHopLimit<HttpPutResponseHopLimit:i HttpEndpoint<HttpEndpoint:s DryRun<DryRun:b HttpProtocolIpv6<HttpProtocolIpv6:s InstanceMetadataTags<InstanceMetadataTags:s",
  ModifyInstanceMetadataOptionsResult:
    "InstanceId:s InstanceMetadataOptions:InstanceMetadataOptionsResponse",
  ModifySecurityGroupRulesRequest:
    "GroupId<GroupId!:s SecurityGroupRules<SecurityGroupRule>SecurityGroupRule!:SecurityGroupRuleUpdate* DryRun<DryRun:b",
  ModifySecurityGroupRulesResult: "Return:b",
  ModifySnapshotAttributeRequest:
    "Attribute<Attribute:s CreateVolumePermission<CreateVolumePermission:CreateVolumePermissionModifications GroupNames<UserGroup>UserGroup:s*GroupName OperationType<OperationType:s SnapshotId<SnapshotId!:s UserIds<UserId>UserId:s*UserId DryRun:b",
  ModifyVolumeRequest:
    "DryRun<DryRun:b VolumeId<VolumeId!:s Size<Size:i VolumeType<VolumeType:s Iops<Iops:i Throughput<Throughput:i MultiAttachEnabled<MultiAttachEnabled:b",
  ModifyVolumeResult: "VolumeModification:VolumeModification",
  MonitorInstancesRequest: "InstanceIds<InstanceId>InstanceId!:s*InstanceId DryRun:b",
  MonitorInstancesResult: "InstanceMonitorings<instancesSet>InstancesSet:InstanceMonitoring*",
  Monitoring: "State:s",
  NetworkCardInfo: "NetworkCardIndex:i NetworkPerformance:s MaximumNetworkInterfaces:i",
  NetworkInfo:
    "NetworkPerformance:s MaximumNetworkInterfaces:i MaximumNetworkCards:i DefaultNetworkCardIndex:i NetworkCards:NetworkCardInfo* Ipv4AddressesPerInterface:i Ipv6AddressesPerInterface:i Ipv6Supported:b EnaSupport:s EfaSupported:b EfaInfo:EfaInfo EncryptionInTransitSupported:b EnaSrdSupported:b",
  NetworkInterface:
    "Association:NetworkInterfaceAssociation Attachment:NetworkInterfaceAttachment AvailabilityZone:s Description:s Groups<groupSet>GroupSet:GroupIdentifier* InterfaceType:s Ipv6Addresses<ipv6AddressesSet>Ipv6AddressesSet:NetworkInterfaceIpv6Address* MacAddress:s NetworkInterfaceId:s OutpostArn:s OwnerId:s PrivateDnsName:s PrivateIpAddress:s PrivateIpAddresses<privateIpAddressesSet>PrivateIpAddressesSet:NetworkInterfacePrivateIpAddress* Ipv4Prefixes<ipv4PrefixSet>Ipv4PrefixSet:Ipv4PrefixSpecification* Ipv6Prefixes<ipv6PrefixSet>Ipv6PrefixSet:Ipv6PrefixSpecification* RequesterId:s RequesterManaged:b SourceDestCheck:b Status:s SubnetId:s TagSet:Tag* VpcId:s DenyAllIgwTraffic:b Ipv6Native:b Ipv6Address:s",
  NetworkInterfaceAssociation:
    "AllocationId:s AssociationId:s IpOwnerId:s PublicDnsName:s PublicIp:s CustomerOwnedIp:s CarrierIp:s",
  NetworkInterfaceAttachment:
    "AttachTime:t AttachmentId:s DeleteOnTermination:b DeviceIndex:i NetworkCardIndex:i InstanceId:s InstanceOwnerId:s Status:s EnaSrdSpecification:AttachmentEnaSrdSpecification",
  NetworkInterfaceIpv6Address: "Ipv6Address:s",
  NetworkInterfacePrivateIpAddress:
    "Association:NetworkInterfaceAssociation Primary:b PrivateDnsName:s PrivateIpAddress:s",
  Placement:
    "AvailabilityZone:s Affinity:s GroupName:s PartitionNumber:i HostId:s Tenancy:s SpreadDomain:s HostResourceGroupArn:s GroupId:s",
  PlacementGroupInfo: "SupportedStrategies:s*",
  PrefixListId: "Description:s PrefixListId:s",
  PrivateDnsNameOptionsOnLaunch:
    "HostnameType:s EnableResourceNameDnsARecord:b EnableResourceNameDnsAAAARecord:b",
  PrivateDnsNameOptionsRequest:
    "HostnameType<HostnameType:s EnableResourceNameDnsARecord<EnableResourceNameDnsARecord:b EnableResourceNameDnsAAAARecord<EnableResourceNameDnsAAAARecord:b",
  PrivateDnsNameOptionsResponse:
    "HostnameType:s EnableResourceNameDnsARecord:b EnableResourceNameDnsAAAARecord:b",
  PrivateIpAddressSpecification: "Primary:b PrivateIpAddress:s",
  ProcessorInfo: "SupportedArchitectures:s* SustainedClockSpeedInGhz:d",
  ProductCode: "ProductCodeId<productCode>ProductCode:s ProductCodeType<type>Type:s",
  PropagatingVgw: "GatewayId:s",
  PtrUpdateStatus: "Value:s Status:s Reason:s",
  RebootInstancesRequest: "InstanceIds<InstanceId>InstanceId!:s*InstanceId DryRun:b",
  ReferencedSecurityGroup: "GroupId:s PeeringStatus:s UserId:s VpcId:s VpcPeeringConnectionId:s",
  Region: "Endpoint<regionEndpoint>RegionEndpoint:s RegionName:s OptInStatus:s",
  RegisterImageRequest:
    "ImageLocation<ImageLocation:s Architecture:s BlockDeviceMappings<BlockDeviceMapping>BlockDeviceMapping:BlockDeviceMapping*BlockDeviceMapping Description:s DryRun:b EnaSupport:b KernelId:s Name!:s BillingProducts<BillingProduct>BillingProduct:s* RamdiskId:s RootDeviceName:s SriovNetSupport:s VirtualizationType:s BootMode<BootMode:s TpmSupport<TpmSupport:s UefiData<UefiData:s ImdsSupport<ImdsSupport:s",
  RegisterImageResult: "ImageId:s",
  ReleaseAddressRequest:
    "AllocationId<AllocationId:s PublicIp<PublicIp:s NetworkBorderGroup<NetworkBorderGroup:s DryRun:b",
  Reservation:
    "Groups<groupSet>GroupSet:GroupIdentifier* Instances<instancesSet>InstancesSet:Instance* OwnerId:s RequesterId:s ReservationId:s",
  ResetInstanceAttributeRequest: "Attribute!:s DryRun:b InstanceId!:s",
  ResetSnapshotAttributeRequest: "Attribute<Attribute!:s SnapshotId<SnapshotId!:s DryRun:b",
  RevokeSecurityGroupEgressRequest:
    "DryRun:b GroupId!:s IpPermissions:IpPermission* SecurityGroupRuleIds<SecurityGroupRuleId>SecurityGroupRuleId:s* CidrIp:s FromPort:i IpProtocol:s ToPort:i SourceSecurityGroupName:s SourceSecurityGroupOwnerId:s",
  RevokeSecurityGroupEgressResult:
    "Return:b UnknownIpPermissions<unknownIpPermissionSet>UnknownIpPermissionSet:IpPermission*",
  RevokeSecurityGroupIngressRequest:
    "CidrIp<CidrIp:s FromPort<FromPort:i GroupId<GroupId:s GroupName<GroupName:s IpPermissions<IpPermissions:IpPermission* IpProtocol<IpProtocol:s SourceSecurityGroupName<SourceSecurityGroupName:s SourceSecurityGroupOwnerId<SourceSecurityGroupOwnerId:s ToPort<ToPort:i DryRun:b SecurityGroupRuleIds<SecurityGroupRuleId>SecurityGroupRuleId:s*",
  RevokeSecurityGroupIngressResult:
    "Return:b UnknownIpPermissions<unknownIpPermissionSet>UnknownIpPermissionSet:IpPermission*",
  Route:
    "DestinationCidrBlock:s DestinationIpv6CidrBlock:s DestinationPrefixListId:s EgressOnlyInternetGatewayId:s GatewayId:s InstanceId:s InstanceOwnerId:s NatGatewayId:s TransitGatewayId:s LocalGatewayId:s CarrierGatewayId:s NetworkInterfaceId:s Origin:s State:s VpcPeeringConnectionId:s CoreNetworkArn:s",
  RouteTable:
    "Associations<associationSet>AssociationSet:RouteTableAssociation* PropagatingVgws<propagatingVgwSet>PropagatingVgwSet:PropagatingVgw* RouteTableId:s Routes<routeSet>RouteSet:Route* Tags<tagSet>TagSet:Tag* VpcId:s OwnerId:s",
  RouteTableAssociation:
    "Main:b RouteTableAssociationId:s RouteTableId:s SubnetId:s GatewayId:s AssociationState:RouteTableAssociationState",
  RouteTableAssociationState: "State:s StatusMessage:s",
  RunInstancesMonitoringEnabled: "Enabled!:b",
  RunInstancesRequest:
    "BlockDeviceMappings<BlockDeviceMapping>BlockDeviceMapping:BlockDeviceMapping*BlockDeviceMapping ImageId<ImageId:s InstanceType<InstanceType:s Ipv6AddressCount<Ipv6AddressCount:i Ipv6Addresses<Ipv6Address>Ipv6Address:InstanceIpv6Address* KernelId<KernelId:s KeyName<KeyName:s MaxCount<MaxCount!:i MinCount<MinCount!:i Monitoring<Monitoring:RunInstancesMonitoringEnabled Placement<Placement:Placement RamdiskId<RamdiskId:s SecurityGroupIds<SecurityGroupId>SecurityGroupId:s*SecurityGroupId SecurityGroups<SecurityGroup>SecurityGroup:s*SecurityGroup SubnetId<SubnetId:s UserData<UserData:s AdditionalInfo:s ClientToken:s DisableApiTermination:b DryRun:b EbsOptimized:b IamInstanceProfile:IamInstanceProfileSpecification InstanceInitiatedShutdownBehavior:s NetworkInterfaces<networkInterface>NetworkInterface:InstanceNetworkInterfaceSpecification* PrivateIpAddress:s ElasticGpuSpecification<ElasticGpuSpecification:ElasticGpuSpecification* ElasticInferenceAccelerators<ElasticInferenceAccelerator>ElasticInferenceAccelerator:ElasticInferenceAccelerator* TagSpecifications<TagSpecification>TagSpecification:TagSpecification* LaunchTemplate<LaunchTemplate:LaunchTemplateSpecification InstanceMarketOptions<InstanceMarketOptions:InstanceMarketOptionsRequest CreditSpecification<CreditSpecification:CreditSpecificationRequest CpuOptions<CpuOptions:CpuOptionsRequest CapacityReservationSpecification<CapacityReservationSpecification:CapacityReservationSpecification HibernationOptions<HibernationOptions:HibernationOptionsRequest LicenseSpecifications<LicenseSpecification>LicenseSpecification:LicenseConfigurationRequest* MetadataOptions<MetadataOptions:InstanceMetadataOptionsRequest EnclaveOptions<EnclaveOptions:EnclaveOptionsRequest PrivateDnsNameOptions<PrivateDnsNameOptions:PrivateDnsNameOptionsRequest MaintenanceOptions<MaintenanceOptions:InstanceMaintenanceOptionsRequest DisableApiStop<DisableApiStop:b",
  SecurityGroup:
    "Description<groupDescription>GroupDescription:s GroupName:s IpPermissions:IpPermission* OwnerId:s GroupId:s IpPermissionsEgress:IpPermission* Tags<tagSet>TagSet:Tag* VpcId:s",
  SecurityGroupRule:
    "SecurityGroupRuleId:s GroupId:s GroupOwnerId:s IsEgress:b IpProtocol:s FromPort:i ToPort:i CidrIpv4:s CidrIpv6:s PrefixListId:s ReferencedGroupInfo:ReferencedSecurityGroup Description:s Tags<tagSet>TagSet:Tag*",
  SecurityGroupRuleDescription:
    "SecurityGroupRuleId<SecurityGroupRuleId:s Description<Description:s",
  SecurityGroupRuleRequest:
    "IpProtocol<IpProtocol:s FromPort<FromPort:i ToPort<ToPort:i CidrIpv4<CidrIpv4:s CidrIpv6<CidrIpv6:s PrefixListId<PrefixListId:s ReferencedGroupId<ReferencedGroupId:s Description<Description:s",
  SecurityGroupRuleUpdate:
    "SecurityGroupRuleId<SecurityGroupRuleId:s SecurityGroupRule<SecurityGroupRule:SecurityGroupRuleRequest",
  Snapshot:
    "DataEncryptionKeyId:s Description:s Encrypted:b KmsKeyId:s OwnerId:s Progress:s SnapshotId:s StartTime:t State<status>Status:s StateMessage<statusMessage>StatusMessage:s VolumeId:s VolumeSize:i OwnerAlias:s OutpostArn:s Tags<tagSet>TagSet:Tag* StorageTier:s RestoreExpiryTime:t",
  SnapshotInfo:
    "Description:s Tags<tagSet>TagSet:Tag* Encrypted:b VolumeId:s State:s VolumeSize:i StartTime:t Progress:s OwnerId:s SnapshotId:s OutpostArn:s",
  SpotMarketOptions:
    "MaxPrice<MaxPrice:s SpotInstanceType<SpotInstanceType:s BlockDurationMinutes<BlockDurationMinutes:i ValidUntil<ValidUntil:t InstanceInterruptionBehavior<InstanceInterruptionBehavior:s",
  StartInstancesRequest:
    "InstanceIds<InstanceId>InstanceId!:s*InstanceId AdditionalInfo:s DryRun:b",
  StartInstancesResult: "StartingInstances<instancesSet>InstancesSet:InstanceStateChange*",
  StateReason: "Code:s Message:s",
  StopInstancesRequest:
    "InstanceIds<InstanceId>InstanceId!:s*InstanceId Hibernate<Hibernate:b DryRun:b Force:b",
  StopInstancesResult: "StoppingInstances<instancesSet>InstancesSet:InstanceStateChange*",
  Subnet:
    "AvailabilityZone:s AvailabilityZoneId:s AvailableIpAddressCount:i CidrBlock:s DefaultForAz:b EnableLniAtDeviceIndex:i MapPublicIpOnLaunch:b MapCustomerOwnedIpOnLaunch:b CustomerOwnedIpv4Pool:s State:s SubnetId:s VpcId:s OwnerId:s AssignIpv6AddressOnCreation:b Ipv6CidrBlockAssociationSet:SubnetIpv6CidrBlockAssociation* Tags<tagSet>TagSet:Tag* SubnetArn:s OutpostArn:s EnableDns64:b Ipv6Native:b PrivateDnsNameOptionsOnLaunch:PrivateDnsNameOptionsOnLaunch",
  SubnetCidrBlockState: "State:s StatusMessage:s",
  SubnetIpv6CidrBlockAssociation:
    "AssociationId:s Ipv6CidrBlock:s Ipv6CidrBlockState:SubnetCidrBlockState",
  Tag: "Key:s Value:s",
  TagDescription: "Key:s ResourceId:s ResourceType:s Value:s",
  TagSpecification: "ResourceType:s Tags<Tag>Tag:Tag*",
  TerminateInstancesRequest: "InstanceIds<InstanceId>InstanceId!:s*InstanceId DryRun:b",
  TerminateInstancesResult: "TerminatingInstances<instancesSet>InstancesSet:InstanceStateChange*",
  UnmonitorInstancesRequest: "InstanceIds<InstanceId>InstanceId!:s*InstanceId DryRun:b",
  UnmonitorInstancesResult: "InstanceMonitorings<instancesSet>InstancesSet:InstanceMonitoring*",
  UpdateSecurityGroupRuleDescriptionsEgressRequest:
    "DryRun<DryRun:b GroupId<GroupId:s GroupName<GroupName:s IpPermissions<IpPermissions:IpPermission* SecurityGroupRuleDescriptions<SecurityGroupRuleDescription>SecurityGroupRuleDescription:SecurityGroupRuleDescription*",
  UpdateSecurityGroupRuleDescriptionsEgressResult: "Return:b",
  UpdateSecurityGroupRuleDescriptionsIngressRequest:
    "DryRun<DryRun:b GroupId<GroupId:s GroupName<GroupName:s IpPermissions<IpPermissions:IpPermission* SecurityGroupRuleDescriptions<SecurityGroupRuleDescription>SecurityGroupRuleDescription:SecurityGroupRuleDescription*",
  UpdateSecurityGroupRuleDescriptionsIngressResult: "Return:b",
  UserIdGroupPair:
    "Description:s GroupId:s GroupName:s PeeringStatus:s UserId:s VpcId:s VpcPeeringConnectionId:s",
  VCpuInfo:
    "DefaultVCpus:i DefaultCores:i DefaultThreadsPerCore:i ValidCores:i* ValidThreadsPerCore:i*",
  Volume:
    "Attachments<attachmentSet>AttachmentSet:VolumeAttachment* AvailabilityZone:s CreateTime:t Encrypted:b KmsKeyId:s OutpostArn:s Size:i SnapshotId:s State<status>Status:s VolumeId:s Iops:i Tags<tagSet>TagSet:Tag* VolumeType:s FastRestored:b MultiAttachEnabled:b Throughput:i",
  VolumeAttachment:
    "AttachTime:t Device:s InstanceId:s State<status>Status:s VolumeId:s DeleteOnTermination:b",
  VolumeModification:
    "VolumeId:s ModificationState:s StatusMessage:s TargetSize:i TargetIops:i TargetVolumeType:s TargetThroughput:i TargetMultiAttachEnabled:b OriginalSize:i OriginalIops:i OriginalVolumeType:s OriginalThroughput:i OriginalMultiAttachEnabled:b Progress:i StartTime:t EndTime:t",
  VolumeStatusAction: "Code:s Description:s EventId:s EventType:s",
  VolumeStatusAttachmentStatus: "IoPerformance:s InstanceId:s",
  VolumeStatusDetails: "Name:s Status:s",
  VolumeStatusEvent: "Description:s EventId:s EventType:s NotAfter:t NotBefore:t InstanceId:s",
  VolumeStatusInfo: "Details:VolumeStatusDetails* Status:s",
  VolumeStatusItem:
    "Actions<actionsSet>ActionsSet:VolumeStatusAction* AvailabilityZone:s OutpostArn:s Events<eventsSet>EventsSet:VolumeStatusEvent* VolumeId:s VolumeStatus:VolumeStatusInfo AttachmentStatuses:VolumeStatusAttachmentStatus*",
  Vpc: "CidrBlock:s DhcpOptionsId:s State:s VpcId:s OwnerId:s InstanceTenancy:s Ipv6CidrBlockAssociationSet:VpcIpv6CidrBlockAssociation* CidrBlockAssociationSet:VpcCidrBlockAssociation* IsDefault:b Tags<tagSet>TagSet:Tag*",
  VpcCidrBlockAssociation: "AssociationId:s CidrBlock:s CidrBlockState:VpcCidrBlockState",
  VpcCidrBlockState: "State:s StatusMessage:s",
  VpcIpv6CidrBlockAssociation:
    "AssociationId:s Ipv6CidrBlock:s Ipv6CidrBlockState:VpcCidrBlockState NetworkBorderGroup:s Ipv6Pool:s",
};
