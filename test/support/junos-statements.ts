/**
 * The statements of Junos that Homeport's pages and `homeport onboard` may use, by the names of Juniper's YANG modules:
 * a small grammar, so that a misspelt statement fails a test and not an operator.
 */

/** A line of a device's configuration mode, understood. */
export type JunosLine =
  | { readonly verb: 'commit' }
  | { readonly verb: 'set' | 'delete' | 'activate' | 'deactivate'; readonly path: readonly string[] }

/** What may stand for a word in capitals. */
const PLACES: Readonly<Record<string, RegExp>> = {
  NAME: /^[^\s"]+$/,
  TEXT: /^.+$/s,
  CLASS: /^(super-user|operator|read-only|unauthorized)$/,
  HASH: /^\$[156]\$\S+$/,
  KEY: /^(ssh-rsa|ssh-ed25519|ecdsa-sha2-nistp(256|384|521)) \S+/,
  FILE: /^(\/|https?:\/\/|ftp:\/\/|file:\/\/)\S+$/,
  HOST: /^[A-Za-z0-9:.-]+$/,
  PORT: /^\d{1,5}$/,
  NUMBER: /^\d+$/,
  LIST: /^.+$/s,
}

const USER = 'system login user NAME'
const SSH = 'system services ssh'
const CLIENT = 'system services outbound-ssh client NAME'

/** `a|b` is a choice, what is in brackets may be left out, and after LIST nothing comes. */
const STATEMENTS: readonly string[] = [
  `${USER} class CLASS`,
  `${USER} authentication plain-text-password`,
  `${USER} authentication encrypted-password HASH`,
  `${USER} authentication load-key-file FILE`,
  `${USER} authentication ssh-rsa|ssh-ed25519|ssh-ecdsa KEY`,
  `${SSH} protocol-version v2`,
  `${SSH} trusted-user-ca-key-file FILE`,
  `${SSH} host-certificate-file FILE`,
  `${SSH} authorized-principals LIST`,
  `${SSH} authorized-principals-file FILE`,
  `${SSH} max-sessions-per-connection NUMBER`,
  `${SSH} sftp-server`,
  `${SSH} allow-tcp-forwarding`,
  'system services netconf ssh [port PORT]',
  'system services netconf rfc-compliant',
  'system services netconf yang-compliant',
  'system services outbound-ssh routing-instance NAME',
  'system services outbound-ssh traceoptions file NAME [size NAME] [files NUMBER]',
  'system services outbound-ssh traceoptions flag all|configuration|connectivity',
  `${CLIENT} device-id TEXT`,
  `${CLIENT} secret TEXT`,
  `${CLIENT} reconnect-strategy in-order|sticky`,
  `${CLIENT} services netconf`,
  `${CLIENT} keep-alive retry NUMBER timeout NUMBER`,
  `${CLIENT} HOST port PORT [retry NUMBER] [timeout NUMBER]`,
]

/** What may be taken away or switched off as a whole. */
const PARTS: readonly string[] = [
  'system services outbound-ssh',
  CLIENT,
  `${CLIENT} HOST`,
  `${CLIENT} secret`,
  `${USER} authentication encrypted-password`,
  `${USER} authentication ssh-rsa|ssh-ed25519|ssh-ecdsa KEY`,
  `${SSH} authorized-principals`,
  `${SSH} authorized-principals-file`,
]

/** Reads a line as it would be pasted. Throws where Junos would not take it, as far as the grammar knows. */
export function readJunosLine(line: string): JunosLine {
  const words = junosWords(line)
  const [verb = '', ...path] = words
  if (verb === 'commit' && path.length === 0) return { verb }
  if (verb !== 'set' && verb !== 'delete' && verb !== 'activate' && verb !== 'deactivate')
    throw new Error(`no line of a configuration mode: ${line}`)
  const known = verb === 'set' ? STATEMENTS : PARTS
  if (!known.some((statement) => fits(path, statement))) throw new Error(`Junos knows no such statement: ${line}`)
  return { verb, path }
}

/** The words of a line, as Junos takes quotes and lists apart; a list is one word after the other. */
export function junosWords(line: string): readonly string[] {
  const tokens = [...line.trim().matchAll(/"((?:[^"\\]|\\.)*)"|([[\]])|([^\s";{}[\]]+)|(\S)/g)]
  return tokens.flatMap(([, quoted, bracket, bare, other]) => {
    if (other !== undefined) throw new Error(`Junos cannot read ${other} in: ${line}`)
    if (bracket !== undefined) return []
    return [quoted?.replace(/\\(.)/g, '$1') ?? bare ?? '']
  })
}

function fits(words: readonly string[], statement: string): boolean {
  let at = 0
  for (const part of statement.match(/\[[^\]]*\]|\S+/g) ?? []) {
    if (part === 'LIST') return at < words.length && words.slice(at).every((word) => word !== '')
    const wanted = part.startsWith('[') ? part.slice(1, -1).split(' ') : [part]
    const isThere = wanted.every((word, offset) => fitsWord(words[at + offset], word))
    if (!isThere && !part.startsWith('[')) return false
    if (isThere) at += wanted.length
  }
  return at === words.length
}

function fitsWord(word: string | undefined, wanted: string): boolean {
  if (word === undefined) return false
  return PLACES[wanted]?.test(word) ?? wanted.split('|').includes(word)
}
