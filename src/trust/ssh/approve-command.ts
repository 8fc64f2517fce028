import { homeportCommand, shellWord } from '../../lib/shell-word.js'

/** Stands in a printed line where an operator has to think of a device id. It is never taken for one. */
export const NAME_TO_CHOOSE = 'NAME'

/** A key that waits for approval, and the device id that it waits under. */
export interface KeyToApprove {
  readonly deviceId: string
  /** As `ssh-keygen -lf` prints it. */
  readonly fingerprint: string
}

/** Whether a device sent no id, and goes by the fingerprint of its key until an operator gives it a name. */
export function goesByItsKey({ deviceId, fingerprint }: KeyToApprove): boolean {
  return deviceId === fingerprint
}

/**
 * The line that approves a key, for whoever has compared it.
 * @param chosen.options further options of the command line, each behind a space
 * @param chosen.as the device id that it is to get; where it has none of its own the line asks for one
 */
export function approveCommand(
  key: KeyToApprove,
  { options = '', as }: { readonly options?: string; readonly as?: string } = {},
): string {
  const name = as ?? (goesByItsKey(key) ? NAME_TO_CHOOSE : undefined)
  const named = name === undefined ? '' : ` --as ${shellWord(name)}`
  return homeportCommand(`devices approve --fingerprint ${shellWord(key.fingerprint)}${options}${named}`, key.deviceId)
}
