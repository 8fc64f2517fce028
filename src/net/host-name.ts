/**
 * Whether a text has the form of a host name: letters, digits, dots and hyphens, 253 at most. An IPv4 address has it
 * too.
 */
export function isHostName(text: string): boolean {
  return /^(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/.test(text)
}
