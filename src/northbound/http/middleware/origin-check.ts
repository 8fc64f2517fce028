import { isIP } from 'node:net'
import type { Context } from 'hono'
import type { ApiEnv } from '../api.js'
import { answerProblem } from '../problem.js'

/** Whether a host name is one that this API may be called by. */
export type KnowsHost = (name: string) => boolean

/**
 * Refuses what only a browser sends that was led here by somebody else's page; undefined lets a call pass.
 * No header ever allows another origin to read an answer, but a request alone may do harm, and a name that its owner
 * points at this machine (DNS rebinding) would make the other page one of our own.
 */
export function refuseForeign(c: Context<ApiEnv>, knowsHost: KnowsHost): Response | undefined {
  const host = hostOf(c.req.header('Host') ?? '')
  // What name clients call a proxy by is the proxy's business.
  if (!c.get('peer').proxied && !isOwnHost(host, knowsHost))
    return answerProblem(c, 'unknown-host', {
      message: `this API is not called ${JSON.stringify(host)}`,
      hint: 'call it by an address, or add the name to endpoint.http.names',
    })
  return comesFromElsewhere(c, knowsHost)
    ? answerProblem(c, 'foreign-origin', {
        message: 'a page of another origin may ask for nothing here',
        hint: 'programs send neither Origin nor Sec-Fetch-Site; a page has to be served from here',
      })
    : undefined
}

/**
 * Refuses new calls while the bridge is stopping; undefined lets a call pass. Whoever has a session over HTTP may go on
 * with it, to end it well.
 */
export function refuseWhileDraining(c: Context<ApiEnv>): Response | undefined {
  if (!c.get('draining').aborted || /\/sessions\/[^/]+/.test(c.req.path)) return undefined
  return answerProblem(c, 'shutting-down', {
    message: 'the bridge is stopping',
    hint: 'try again once it runs again',
    headers: { 'Retry-After': '5', Connection: 'close' },
  })
}

function comesFromElsewhere(c: Context<ApiEnv>, knowsHost: KnowsHost): boolean {
  const site = c.req.header('Sec-Fetch-Site')
  // Somebody follows a link, or types the address.
  const navigates = c.req.method === 'GET' && c.req.header('Sec-Fetch-Mode') === 'navigate'
  if (site !== undefined) return !navigates && site !== 'same-origin' && site !== 'none'
  const origin = c.req.header('Origin')
  if (origin === undefined) return false
  // Browsers leave Sec-Fetch-Site out where there is no TLS, and `null` is the origin of sandboxed pages and files.
  if (!URL.canParse(origin)) return true
  const { host, hostname } = new URL(origin)
  return host !== c.req.header('Host') || !(c.get('peer').proxied || isOwnHost(hostOf(hostname), knowsHost))
}

/** Lower case, without port and brackets. */
function hostOf(header: string): string {
  return header
    .toLowerCase()
    .replace(/:\d*$/, '')
    .replace(/^\[(.*)\]$/, '$1')
}

function isOwnHost(host: string, knowsHost: KnowsHost): boolean {
  return host === '' || host === 'localhost' || isIP(host) !== 0 || knowsHost(host)
}
