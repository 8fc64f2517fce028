import { type EntryPoint, type Target, targetOf } from './target.js'

/** Who logs in, and what for. */
export interface LoginName {
  readonly user: string
  readonly target: Target
}

export type ParsedLoginName =
  | { readonly ok: true; readonly login: LoginName }
  | { readonly ok: false; readonly message: string }

/** What a login name is read by: who exists, and which device a user's plain name stands for. */
export interface KnownUsers {
  readonly find: (name: string) => { readonly device?: string } | undefined
}

/** No login name is longer than this many bytes. */
const MAX_LOGIN_NAME_LENGTH = 512

/**
 * Reads an SSH login name. The whole name of a user is that user, who asks for the device of the entry point or for one
 * of their own, if any. Else it is `user@device-id`, split at its last `@`, so that a user name may hold one. Where
 * there is no `@`, because a tool cannot send it, it is `user%device-id` or `user+device-id`, split where what stands
 * before is a user's name; two such places mean neither. What is none of this is a plain name of nobody, and fails as a
 * wrong password does. The message of a refusal is for the log alone: nobody has been authenticated yet.
 */
export function parseLoginName(name: string, entryPoint: EntryPoint, users: KnownUsers): ParsedLoginName {
  if (Buffer.byteLength(name) > MAX_LOGIN_NAME_LENGTH)
    return refuse(`it is longer than ${MAX_LOGIN_NAME_LENGTH} octets`)
  if (name.includes('\uFFFD')) return refuse('it is not UTF-8')
  if (/\p{Cc}/u.test(name)) return refuse('it holds control characters')
  if (name === '') return refuse('it is empty')
  const login = (user: string, asked?: string): ParsedLoginName => ({
    ok: true,
    login: { user, target: targetOf(entryPoint, asked, users.find(user)?.device) },
  })
  if (users.find(name) !== undefined) return login(name)
  const at = name.lastIndexOf('@')
  if (at !== -1) {
    const user = name.slice(0, at)
    const deviceId = name.slice(at + 1)
    if (user === '') return refuse('the user before @ is empty; the form is user@device-id')
    if (deviceId === '') return refuse('the device id after @ is empty; the form is user@device-id')
    return login(user, deviceId)
  }
  const splits = [...name.matchAll(/[%+]/g)]
    .map(({ index }) => ({ user: name.slice(0, index), deviceId: name.slice(index + 1) }))
    .filter(({ user, deviceId }) => deviceId !== '' && users.find(user) !== undefined)
  const [split, another] = splits
  if (another !== undefined) return refuse('it can be split in two ways; write user@device-id')
  return split === undefined ? login(name) : login(split.user, split.deviceId)
}

function refuse(message: string): ParsedLoginName {
  return { ok: false, message }
}
