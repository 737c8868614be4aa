"""Who this guest is, for cloud-init: EC2's metadata service, with tokens, at 169.254.169.254.

cloud-init's own EC2 source asks for tokens only on machines that are Amazon's, which it tells by their
serial number. Where this guest has no network, or nobody answers there, the platform has said the same
through the firmware (fw_cfg), without public keys.
"""
import glob
import os

from cloudinit import sources, util
from cloudinit.sources import DataSourceEc2 as ec2

FIRMWARE = "/sys/firmware/qemu_fw_cfg/by_name/opt/holdfast"


def from_firmware(source):
    if not os.path.isdir(FIRMWARE):
        return False
    read = lambda name: util.load_file(f"{FIRMWARE}/{name}/raw", quiet=True, decode=False)
    instance = read("instance-id").decode().strip()
    if not instance:
        return False
    source.metadata = {
        "instance-id": instance,
        "local-hostname": read("hostname").decode().strip() or "debian",
    }
    source.userdata_raw = read("user-data")
    return True


def has_network():
    # By the class of the PCI device, because drivers may still be loading.
    classes = glob.glob("/sys/bus/pci/devices/*/class")
    return any(util.load_file(each).startswith("0x02") for each in classes)


class DataSourceHoldfastLocal(sources.DataSource):
    dsname = "Holdfast"

    def _get_data(self):
        return not has_network() and from_firmware(self)


class DataSourceHoldfast(ec2.DataSourceEc2):
    dsname = "Holdfast"

    def _get_cloud_name(self):
        return ec2.CloudNames.AWS  # What makes it use tokens.

    def _get_data(self):
        return super()._get_data() or from_firmware(self)

    def get_instance_id(self):
        return str(self.metadata["instance-id"])

    @property
    def network_config(self):
        return None  # DHCP knows better, and is there for every card.


datasources = [
    (DataSourceHoldfastLocal, (sources.DEP_FILESYSTEM,)),
    (DataSourceHoldfast, (sources.DEP_FILESYSTEM, sources.DEP_NETWORK)),
]


def get_datasource_list(depends):
    return sources.list_from_depends(depends, datasources)
