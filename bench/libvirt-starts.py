"""Paused starts, a burst and destroys of a small guest under libvirt; prints milliseconds and a rate as JSON.

Arguments: memory in MiB, how many single starts, how many in the burst. Needs a libvirtd that answers at
qemu:///system and the package python3-libvirt. Removes every domain that it defines.
"""
import json
import statistics
import sys
import threading
import time

import libvirt

memory, singles, burst = (int(argument) for argument in sys.argv[1:4])
libvirt.registerErrorHandler(lambda *_: None, None)
connection = libvirt.open("qemu:///system")


def define(name):
    return connection.defineXML(
        f"""<domain type='qemu'><name>{name}</name><memory unit='MiB'>{memory}</memory><vcpu>1</vcpu>
        <os><type arch='x86_64' machine='q35'>hvm</type></os><features><acpi/></features>
        <devices><emulator>/usr/bin/qemu-system-x86_64</emulator><controller type='usb' model='none'/>
        <memballoon model='none'/></devices></domain>"""
    )


starts, destroys = [], []
for number in range(singles):
    domain = define(f"holdfast-bench-{number}")
    begin = time.time()
    domain.createWithFlags(libvirt.VIR_DOMAIN_START_PAUSED)
    starts.append(time.time() - begin)
    begin = time.time()
    domain.destroy()
    destroys.append(time.time() - begin)
    domain.undefine()

domains = [define(f"holdfast-burst-{number}") for number in range(burst)]


def start(part):
    own = libvirt.open("qemu:///system")
    for domain in part:
        own.lookupByName(domain.name()).createWithFlags(libvirt.VIR_DOMAIN_START_PAUSED)


threads = [threading.Thread(target=start, args=(domains[offset::4],)) for offset in range(4)]
begin = time.time()
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
rate = burst / (time.time() - begin)
for domain in domains:
    domain.destroy()
    domain.undefine()
print(
    json.dumps(
        {
            "start": statistics.median(starts) * 1e3,
            "rate": rate,
            "destroy": statistics.median(destroys) * 1e3,
        }
    )
)
