import { walkTags } from '../netconf/tag-walk.js'
import { parseXml } from '../netconf/xml-parse.js'

/** Takes secrets out of what is kept of a session. It rather takes out too much. */
export interface Redaction {
  /** A line or more of commands, of a configuration in text, or of what a device shows. */
  readonly text: (text: string) => string
  /** A whole NETCONF message; undefined when it is not well-formed, so that nobody knows what in it is a secret. */
  readonly message: (message: Buffer) => string | undefined
}

/** What stands in the place of a secret. */
export const REDACTED = '[secret]'

/** Elements, statements and fields whose values are secrets on devices of several vendors. */
export const SECRET_NAMES: readonly string[] = [
  'password',
  'secret',
  'key',
  'passphrase',
  'community',
  'encrypted-password',
  'plain-text-password',
  'plain-text-password-value',
  'cleartext-password',
  'simple-password',
  'authentication-password',
  'privacy-password',
  'authentication-key',
  'privacy-key',
  'pre-shared-key',
  'private-key',
  'cleartext-private-key',
  'symmetric-key',
  'ascii-text',
  'hexadecimal',
]

/** Hashes and reversible forms, wherever they stand: `$9$…` of Junos, `$1$…`, `$5$…`, `$6$…` of crypt(3), `$0$…` of RFC 7317. */
const CRYPTED = /\$(?:[0-9]|2[abxy]|y|sha1)\$[^\s<>"';,]+/g

/** @param names of elements, statements and fields that hold a secret; in upper or lower case */
export function createRedaction(names: readonly string[] = SECRET_NAMES): Redaction {
  const secret = new Set(names.map((name) => name.toLowerCase()))
  const anyName = names.map((name) => name.replaceAll(/[^\w-]/g, '\\$&')).join('|')
  const name = `(?<![\\w-])(?:${anyName})`
  const quoted = `"(?:[^"\\\\]|\\\\.)*(?:"|$)|&quot;.*?(?:&quot;|$)|'[^']*(?:'|$)`
  const assigned = new RegExp(`(${name}["']?[ \\t]*[:=][ \\t]*)(?:${quoted}|[^;,\\n<>}\\]]+)`, 'gis')
  // `password 7 0822…`: without quotes, a value goes on to the end of the statement.
  const followed = new RegExp(`(${name}[ \\t]+)(?:${quoted}|[^;\\n<>]+)`, 'gis')
  const attribute = new RegExp(`(\\s(?:[\\w.-]+:)?(?:${anyName})\\s*=\\s*)(?:"[^"]*"|'[^']*')`, 'gi')

  const plain = (text: string): string => {
    const withoutCrypted = text.replace(CRYPTED, REDACTED)
    return names.length === 0
      ? withoutCrypted
      : withoutCrypted.replace(assigned, `$1${REDACTED}`).replace(followed, `$1${REDACTED}`)
  }
  const characters = (text: string): string => {
    // What is written in character references is seen by the device all the same.
    if (text.includes('&#')) {
      const seen = text.replace(/&#(?:x([0-9a-f]{1,6})|(\d{1,7}));/gi, (_, hex?: string, decimal?: string) =>
        character(hex, decimal),
      )
      if (plain(seen) !== seen) return REDACTED
    }
    return plain(text)
  }
  const tag = (text: string): string => {
    const withoutCrypted = text.replace(CRYPTED, REDACTED)
    return names.length === 0 ? withoutCrypted : withoutCrypted.replace(attribute, `$1"${REDACTED}"`)
  }

  return {
    text: plain,
    message: (message) => {
      if (!parseXml(message).ok) return undefined
      const text = message.toString()
      let kept = ''
      let from = 0
      let secretDepth: number | undefined
      walkTags(text, ({ kind, name, depth, start, end }) => {
        if (secretDepth === undefined) {
          kept += characters(text.slice(from, start)) + tag(text.slice(start, end))
          from = end
          if (kind === 'open' && secret.has(name.toLowerCase())) secretDepth = depth
        } else if (kind === 'close' && depth === secretDepth) {
          kept += REDACTED + text.slice(start, end)
          from = end
          secretDepth = undefined
        }
        return true
      })
      return kept + characters(text.slice(from))
    },
  }
}

function character(hex: string | undefined, decimal: string | undefined): string {
  const code = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16)
  return code <= 0x10ffff ? String.fromCodePoint(code) : ''
}
