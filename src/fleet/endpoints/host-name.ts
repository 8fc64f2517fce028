/** Bytes of a host name and of one of its labels (RFC 1123 §2.1). */
const LONGEST_NAME = 253
const LONGEST_LABEL = 63

/**
 * The name of a device where only host names will do: in /etc/hosts, in DNS, in ssh_config. It is the device id itself
 * in lower case, as OpenSSH looks for it, where that is a host name; undefined when nothing of it could be one. Two
 * device ids may share it.
 */
export function hostNameOf(deviceId: string): string | undefined {
  const labels = deviceId
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, '-')
    .split('.')
    .map((label) =>
      label
        .replace(/^[-_]+/, '')
        .slice(0, LONGEST_LABEL)
        .replace(/[-_]+$/, ''),
    )
    .filter((label) => label !== '')
  const name = labels.join('.')
  if (name === '' || name.length > LONGEST_NAME) return undefined
  // A name of digits and dots alone would be read as an address.
  return /^[\d.]+$/.test(name) ? `device-${name}` : name
}
