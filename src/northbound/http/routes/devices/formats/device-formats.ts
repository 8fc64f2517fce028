/** What a list of devices can be given as: the API's own JSON, or an inventory for another tool. */
export const DEVICE_FORMATS = ['json', 'ansible', 'ssh-config', 'prometheus-sd', 'hosts', 'zone'] as const

export type DeviceFormat = (typeof DEVICE_FORMATS)[number]

/** How clients reach the bridge. */
export interface BridgePlace {
  readonly host: string
  /** Where all devices are reached, by `user@device-id`. */
  readonly port: number
}
