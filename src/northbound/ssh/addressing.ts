/** Who logs in, and to which device. */
export interface LoginName {
  readonly user: string
  readonly deviceId: string
}

export type ParsedLoginName =
  | { readonly ok: true; readonly login: LoginName }
  | { readonly ok: false; readonly message: string }

/** No login name is longer than this many octets. */
const maxLoginNameLength = 512

/**
 * Splits an SSH login name `user@device-id` at its last `@`, so that a user name may hold one.
 * The plain name of a user who has a device of their own stands for that device.
 * The message of a refusal is for the log alone: nobody has been authenticated yet.
 * @param deviceOf the device of a user who has one
 */
export function parseLoginName(name: string, deviceOf: (user: string) => string | undefined): ParsedLoginName {
  if (Buffer.byteLength(name) > maxLoginNameLength) return refuse(`it is longer than ${maxLoginNameLength} octets`)
  if (name.includes('\uFFFD')) return refuse('it is not UTF-8')
  if (/\p{Cc}/u.test(name)) return refuse('it holds control characters')
  const own = deviceOf(name)
  if (own !== undefined) return { ok: true, login: { user: name, deviceId: own } }
  const at = name.lastIndexOf('@')
  if (at === -1) return refuse('it names no device; the form is user@device-id')
  const user = name.slice(0, at)
  const deviceId = name.slice(at + 1)
  if (user === '') return refuse('the user before @ is empty; the form is user@device-id')
  if (deviceId === '') return refuse('the device id after @ is empty; the form is user@device-id')
  return { ok: true, login: { user, deviceId } }
}

function refuse(message: string): ParsedLoginName {
  return { ok: false, message }
}
