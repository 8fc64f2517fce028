import type { DevicePeer } from './device-peer.js'
import { libnetconf2Device } from './libnetconf2.js'
import { opensshDevices } from './openssh.js'
import { asyncsshDevice, conchDevice, erlangDevice, goDevice, libsshDevice, paramikoDevice } from './servers.js'
import { dropbearDevice, tinysshDevice } from './small-servers.js'

/** Every server of SSH that is tried as a device, in the order of the table. */
export const DEVICES: readonly DevicePeer[] = [
  ...opensshDevices,
  dropbearDevice,
  tinysshDevice,
  paramikoDevice,
  asyncsshDevice,
  conchDevice,
  goDevice,
  erlangDevice,
  libsshDevice,
  libnetconf2Device,
]
