import { hostAndPort } from '../../../../../net/source.js'
import type { DeviceView } from '../device.js'
import type { BridgePlace } from './device-formats.js'

/** A target of Prometheus' http_sd. */
export interface PrometheusTarget {
  readonly targets: readonly [string]
  readonly labels: Readonly<Record<string, string>>
}

/**
 * The devices as targets, each with the address where clients reach it and what is known of it in labels that begin
 * with `__meta_homeport_`, for `relabel_configs`.
 * @param devices those that clients may reach
 */
export function prometheusTargets(devices: readonly DeviceView[], bridge: BridgePlace): readonly PrometheusTarget[] {
  return devices.map(({ id, standing, labels, endpoint, linkState }) => {
    const port = endpoint?.address === null ? endpoint.port : undefined
    return {
      targets: [hostAndPort(endpoint?.address ?? bridge.host, port ?? bridge.port)],
      labels: {
        ...Object.fromEntries(
          Object.entries(labels).map(([name, value]) => [`__meta_homeport_label_${labelName(name)}`, value]),
        ),
        __meta_homeport_id: id,
        __meta_homeport_standing: standing,
        __meta_homeport_link: linkState.state,
      },
    }
  })
}

/** What a label of Prometheus may be named. */
function labelName(name: string): string {
  return name.replace(/[^A-Za-z0-9_]/g, '_')
}
