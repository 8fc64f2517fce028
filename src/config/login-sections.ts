import { accepted, type ParseResult } from './parse-result.js'
import { duration, integer, path, text } from './scalars.js'
import { scalar, section } from './section.js'

const MANY = 1_000_000

/** What repeated failures to log in bring about. */
export function loginLimitsSection() {
  return section({
    'failures-per-user-and-address': integer(1, MANY).default(5),
    'failures-per-address': integer(1, MANY).default(100),
    'failures-per-known-login': integer(1, MANY).default(2000),
    window: duration('1s').default(600_000),
    block: duration('1s').default(300_000),
    'slow-down': duration('0s', '1m').default(500),
    'check-while-blocked': duration('0s', '1h').default(10_000),
    'remember-logins': duration('0s').default(86_400_000),
    'logged-failures-per-address': integer(1, MANY).default(100),
    'max-tracked': integer(1, MANY).default(20_000),
    'checks-at-once': integer(1, 64).default(2),
    'max-queued-checks': integer(0, MANY).default(64),
  })
}

/** The service that is asked about passwords which are not known here. */
export function authenticationHookSection(directory: string) {
  return section({
    url: hookUrl(),
    token: text().optional(),
    'ca-file': path(directory).optional(),
    timeout: duration('100ms', '1m').default(5_000),
    cache: duration('0s', '1h').default(30_000),
    'max-concurrent': integer(1, 10_000).default(32),
  })
}

/** Passwords go there, so it is https, or this machine itself. */
function hookUrl() {
  return scalar((written): ParseResult<string> => {
    const url = URL.canParse(written) ? new URL(written) : undefined
    const hint = 'write https://aaa.example.net/login, or http://127.0.0.1:8000/login for a service on this machine'
    if (url === undefined || !['https:', 'http:'].includes(url.protocol))
      return { ok: false, message: 'expected an https URL', hint }
    if (url.username !== '' || url.password !== '')
      return { ok: false, message: 'a name or password in the URL', hint: 'use `token`, it is sent as a bearer token' }
    if (url.protocol === 'http:' && !isLoopback(url.hostname))
      return { ok: false, message: 'passwords would be sent unencrypted', hint }
    return accepted(url.href)
  })
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127(\.\d{1,3}){3}$/.test(host)
}
