import { walkTags } from '../netconf/xml/tag-walk.js'
import { parseXml } from '../netconf/xml/xml-parse.js'
import { decodeReferences, joinedText, rewriteText } from './character-data.js'
import { isSecretName, SECRET_NAMES } from './secret-names.js'

/** Takes secrets out of what is kept of a session. It rather takes out too much. */
export interface Redaction {
  /** A line or more of commands, of a configuration in text, or of what a device shows. */
  readonly text: (text: string) => string
  /** The same for a text that comes in pieces of whole lines: a secret may go on over several of them. */
  readonly stream: () => (text: string) => string
  /** A whole NETCONF message; undefined when it is not well-formed, so that nobody knows what in it is a secret. */
  readonly message: (message: Buffer) => string | undefined
}

/** What stands in the place of a secret. */
export const REDACTED = '[secret]'

/** What may be a secret by its form, wherever it stands. */
const FORMS: readonly (readonly [RegExp, string])[] = [
  // Hashes and reversible forms: `$9$…` of Junos, `$1$…`, `$5$…`, `$6$…`, `$8$…` of crypt(3) and Cisco, `$0$…` of RFC
  // 7317.
  [/\$(?:[0-9]{1,2}|2[abxy]|y|sha1|sha512|argon2\w{0,2})\$[^\s<>"';,]+/g, REDACTED],
  [/\b(bearer|basic)[ \t]+[\w+/=.~-]{8,}/gi, `$1 ${REDACTED}`],
  // `snmp-server user u g v3 auth sha … priv aes 128 …` of Cisco.
  [
    /\b(auth[ \t]+(?:md5|sha[\w-]*)|priv[ \t]+(?:des|3des|aes)(?:[ \t]+(?:128|192|256))?)[ \t]+[^\s;<>]+/gi,
    `$1 ${REDACTED}`,
  ],
]
const KEY_BEGINS = /-{4,5} ?BEGIN [^\n-]*PRIVATE KEY[^\n-]*-{4,5}/g
const KEY_ENDS = /-{4,5} ?END [^\n-]*PRIVATE KEY[^\n-]*-{4,5}/g

const NAME = /\w[\w.-]*/g
const ASSIGNED = /\\*["']?[ \t]*(?:=>|[:=])[ \t]*/y
const FOLLOWED = /[ \t]+/y
/** The rest of a start tag; an empty element has nothing to hide. */
const REST_OF_TAG = /[^<>]*>/y
const QUOTED = /"(?:[^"\\]|\\.)*("|$)|'[^'\n]*(?:'|\n|$)/sy
const LIST = /\[[^\]]*(?:\]|$)|\{[^}]*(?:\}|$)/y
const ASSIGNED_VALUE = /[^;,\n<>}\]]+/y
/** `password 7 0822…`: without quotes, a value goes on to the end of the statement. */
const STATEMENT_VALUE = /[^;\n<>]+/y

/** What a secret that has not ended yet is ended by. */
type Until = 'key' | 'quote' | { readonly tag: string }

/**
 * @param names of elements, statements and fields that hold a secret, besides those that tell by a part; in upper or
 * lower case
 */
export function createRedaction(names: readonly string[] = SECRET_NAMES): Redaction {
  const further = new Set([...SECRET_NAMES, ...names].map((name) => name.toLowerCase()))

  const plain = (text: string): string => withoutSecrets(text, further).kept
  /** What a reader who undoes escapes sees, however often they were escaped. */
  const hides = (text: string): boolean => {
    let seen = text
    for (let depth = 0; depth < 3; depth += 1) {
      const further = decodeReferences(seen).replace(/\\u([0-9a-f]{4})/gi, (_, hex: string) => character(hex))
      if (further === seen) return false
      if (plain(further) !== further) return true
      seen = further
    }
    return false
  }
  const clean = (text: string): string => {
    const kept = plain(text)
    return hides(kept) ? REDACTED : kept
  }
  const between = (raw: string): string => {
    if (!raw.includes('<') && !raw.includes('&')) return clean(raw)
    // The device reads through character data, CDATA and the comments in them.
    const before = joinedText(raw)
    return rewriteText(raw, { before, text: clean(before) }, clean)
  }
  const tag = (raw: string): string =>
    raw.replace(ATTRIBUTE, (whole, ...groups: [before: string, name: string, equals: string, value: string]) => {
      const [before, name, equals, value] = groups
      const text = decodeReferences(value.slice(1, -1))
      const secret = isSecretName(name, further) ? text !== '' : clean(text) !== text
      return secret ? `${before}${name}${equals}"${REDACTED}"` : whole
    })

  return {
    text: clean,
    stream: () => {
      let until: Until | undefined
      return (text) => {
        const from = until === undefined ? 0 : endOf(text, 0, until)
        if (from === undefined) return ''
        const { kept, open } = withoutSecrets(text.slice(from), further)
        until = open
        return hides(kept) ? `${REDACTED}\n` : kept
      }
    },
    message: (message) => {
      if (!parseXml(message).ok) return undefined
      const text = message.toString()
      let kept = ''
      let from = 0
      let secretDepth: number | undefined
      walkTags(text, ({ kind, name, depth, start, end }) => {
        if (secretDepth === undefined) {
          kept += between(text.slice(from, start)) + tag(text.slice(start, end))
          from = end
          if (kind === 'open' && isSecretName(name, further)) secretDepth = depth
        } else if (kind === 'close' && depth === secretDepth) {
          kept += REDACTED + text.slice(start, end)
          from = end
          secretDepth = undefined
        }
        return true
      })
      return kept + between(text.slice(from))
    },
  }
}

const ATTRIBUTE = /(\s(?:[\w.-]+:)?)([\w.-]+)(\s*=\s*)("[^"]*"|'[^']*')/g

/** Each byte is looked at a bounded number of times: a search that finds nothing ends the text. */
function withoutSecrets(text: string, further: ReadonlySet<string>): { readonly kept: string; readonly open?: Until } {
  const { kept: withoutKeys, open: key } = withoutPrivateKeys(text)
  const rest = FORMS.reduce((shown, [form, instead]) => shown.replace(form, instead), withoutKeys)
  let kept = ''
  let at = 0
  let open: Until | undefined
  const name = new RegExp(NAME)
  for (let found = name.exec(rest); found !== null; found = name.exec(rest)) {
    if (!isSecretName(found[0], further)) continue
    const value = valueAfter(rest, found.index, found[0])
    if (value === undefined) continue
    kept += rest.slice(at, value.start) + (value.empty ? '' : REDACTED)
    at = value.end ?? rest.length
    if (value.end === undefined) open = value.until
    name.lastIndex = at
  }
  const result = open ?? key
  return { kept: kept + rest.slice(at), ...(result === undefined ? {} : { open: result }) }
}

interface Value {
  readonly start: number
  /** Undefined where it goes on behind the text. */
  readonly end: number | undefined
  readonly until?: Until
  readonly empty?: boolean
}

/** Where the value of what is named here stands, if it has one. */
function valueAfter(text: string, nameStart: number, name: string): Value | undefined {
  const nameEnd = nameStart + name.length
  const opening = /<(?:[\w.-]{1,64}:)?$/.exec(text.slice(Math.max(0, nameStart - 66), nameStart))?.[0]
  if (opening !== undefined) {
    const start = after(REST_OF_TAG, text, nameEnd)
    if (start === undefined || text.charAt(start - 2) === '/') return undefined
    const until: Until = { tag: `</${opening.slice(1)}${name}` }
    const end = text.indexOf(until.tag, start)
    return { start, until, end: end === -1 ? undefined : end, empty: end === start }
  }
  const assigned = after(ASSIGNED, text, nameEnd)
  const start = assigned ?? after(FOLLOWED, text, nameEnd)
  if (start === undefined) return undefined
  QUOTED.lastIndex = start
  const quoted = QUOTED.exec(text)
  if (quoted !== null) {
    const isOpen = quoted[0].startsWith('"') && quoted[1] === ''
    return { start, end: isOpen ? undefined : QUOTED.lastIndex, until: 'quote' }
  }
  const end =
    assigned === undefined
      ? after(STATEMENT_VALUE, text, start)
      : (after(LIST, text, start) ?? after(ASSIGNED_VALUE, text, start))
  return end === undefined ? undefined : { start, end }
}

function withoutPrivateKeys(text: string): { readonly kept: string; readonly open?: Until } {
  if (!text.includes('PRIVATE KEY')) return { kept: text }
  let kept = ''
  let at = 0
  const begins = new RegExp(KEY_BEGINS)
  for (let found = begins.exec(text); found !== null; found = begins.exec(text)) {
    kept += text.slice(at, found.index) + REDACTED
    const end = endOf(text, begins.lastIndex, 'key')
    if (end === undefined) return { kept, open: 'key' }
    at = end
    begins.lastIndex = end
  }
  return { kept: kept + text.slice(at) }
}

/** Where the secret that is open at `from` ends, undefined where it does not in this text. */
function endOf(text: string, from: number, until: Until): number | undefined {
  if (until === 'key') {
    const ends = new RegExp(KEY_ENDS)
    ends.lastIndex = from
    return ends.exec(text) === null ? undefined : ends.lastIndex
  }
  const end = text.indexOf(until === 'quote' ? '"' : until.tag, from)
  if (end === -1) return undefined
  return until === 'quote' ? end + 1 : end
}

/** Where a sticky expression ends that begins here. */
function after(expression: RegExp, text: string, at: number): number | undefined {
  expression.lastIndex = at
  return expression.test(text) ? expression.lastIndex : undefined
}

function character(hex: string): string {
  return String.fromCharCode(Number.parseInt(hex, 16))
}
