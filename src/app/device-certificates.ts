import { inWords } from '../config/certificate-warnings.js'

/** What to do about a device's host certificate that ends. */
export const DEVICE_CERTIFICATE_HINT =
  "sign the device's host key again, as with `homeport ca sign-host`, and put the certificate on it: its next call " +
  'after the end of this one is refused (certificate-expired), unless a pin or known_hosts vouches for the key'

/** That a host certificate has expired, or will within fourteen days; undefined while there is more time. */
export function deviceCertificateInWords(until: string, now: Date): string | undefined {
  return inWords({ validFrom: undefined, validUntil: new Date(until) }, now)
}
