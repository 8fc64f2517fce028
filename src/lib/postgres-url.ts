import { isAbsolute } from 'node:path'

/** A database of PostgreSQL, and how it is reached. */
export interface PostgresDatabase {
  /** A name, an address, or the directory of a Unix socket. */
  readonly host: string
  readonly port: number
  readonly user: string
  /** Without one, that of `~/.pgpass`, or the server asks for none. */
  readonly password?: string
  readonly database: string
  /** As libpq means these words of `sslmode`. */
  readonly tls: 'disable' | 'require' | 'verify-ca' | 'verify-full'
  /** Files of whom to trust and of who we are, absolute. */
  readonly tlsFiles: { readonly ca?: string; readonly certificate?: string; readonly key?: string }
  /** What it is called in messages: the URL without user and password. */
  readonly shown: string
}

export type PostgresUrl =
  | { readonly ok: true; readonly database: PostgresDatabase }
  | { readonly ok: false; readonly message: string; readonly hint: string }

const HINT = 'write postgres://homeport:${HOMEPORT_DATABASE_PASSWORD}@db.example.net:5432/homeport'
const DEFAULT_PORT = 5432
const TLS_MODES = ['disable', 'require', 'verify-ca', 'verify-full'] as const
/** The parameters that are known, and the file that each names. */
const FILES = { sslrootcert: 'ca', sslcert: 'certificate', sslkey: 'key' } as const

/**
 * Reads `postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=…`. The password may hold any character as it is, because
 * it comes out of a file or a variable; only `%` begins an escape, as in every URL. Messages never show a part of it.
 */
export function readPostgresUrl(text: string): PostgresUrl {
  // The last @ ends the password.
  const parts = /^postgres(?:ql)?:\/\/(?:([^:@/]*)(?::(.*))?@)?([^@/?]*)\/([^/?@]*)(?:\?([^@]*))?$/s.exec(text)
  if (parts === null) return { ok: false, message: 'is no URL of a PostgreSQL database', hint: HINT }
  const [, user = '', password, place = '', database = '', query = ''] = parts
  const parameters = new URLSearchParams(query)
  const address = hostAndPort(place)
  const socket = parameters.get('host') ?? undefined
  const host = socket ?? address?.host ?? ''
  if (address === undefined || host === '' || user === '' || database === '')
    return { ok: false, message: 'lacks a user, a host or the name of a database', hint: HINT }
  const tls = parameters.get('sslmode') ?? (isOfThisMachine(host) ? 'disable' : 'verify-full')
  if (!isTlsMode(tls))
    return { ok: false, message: 'has an `sslmode` that is not known here', hint: `one of ${TLS_MODES.join(', ')}` }
  const tlsFiles: Record<string, string> = {}
  for (const [name, value] of parameters) {
    if (name === 'sslmode' || name === 'host') continue
    const file = Object.hasOwn(FILES, name) ? FILES[name as keyof typeof FILES] : undefined
    if (file === undefined)
      return {
        ok: false,
        message: 'has a parameter that is not known here',
        hint: 'known: host, sslmode, sslrootcert, sslcert, sslkey',
      }
    if (!isAbsolute(value))
      return { ok: false, message: `has a ${name} that is no absolute path`, hint: 'write it from /' }
    tlsFiles[file] = value
  }
  const shownHost = host.includes(':') ? `[${host}]` : host
  return {
    ok: true,
    database: {
      host,
      port: address.port,
      user: decoded(user),
      ...(password === undefined || password === '' ? {} : { password: decoded(password) }),
      database: decoded(database),
      tls,
      tlsFiles,
      shown: `postgres://${shownHost}${address.port === DEFAULT_PORT ? '' : `:${address.port}`}/${database}`,
    },
  }
}

function hostAndPort(place: string): { readonly host: string; readonly port: number } | undefined {
  const [, bracketed, plain = '', digits] = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(\d{1,5}))?$/.exec(place) ?? [undefined]
  const port = Number(digits ?? DEFAULT_PORT)
  if (port < 1 || port > 65_535 || (bracketed === undefined && plain === '' && place !== '' && digits === undefined))
    return undefined
  return { host: decoded(bracketed ?? plain), port }
}

function isTlsMode(word: string): word is PostgresDatabase['tls'] {
  return TLS_MODES.some((mode) => mode === word)
}

/** Nobody is in between. */
function isOfThisMachine(host: string): boolean {
  return host.startsWith('/') || host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)
}

/** Without its escapes; a `%` that begins none stands for itself. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
