import { isIP } from 'node:net'
import type { Config } from '../../../config/schema.js'
import { failed, type Finding, notChecked, ok, orWell } from '../finding.js'
import { type Patient, usableConfig } from '../patient.js'
import { printedBy } from '../run-program.js'

interface Named {
  readonly key: string
  readonly host: string
}

/** Do the names that the bridge calls, or listens on, stand for an address? */
export async function checkNames(patient: Patient, signal: AbortSignal): Promise<readonly Finding[]> {
  const config = usableConfig(patient)
  if (config === undefined) return [notChecked('no configuration that can be read says which there are')]
  const named = namesIn(config).filter(({ host }) => isIP(host) === 0)
  if (named.length === 0) return [ok('the configuration names no host')]
  const hosts = [...new Set(named.map(({ host }) => host))]
  const answers = await lookUp(hosts, signal)
  const findings = named.flatMap(({ key, host }) => unresolved(key, host, answers.get(host)))
  return orWell(findings, `${hosts.join(', ')}: found`)
}

/**
 * A name server that does not answer holds up a thread, and a process does not end before its threads do. So it is
 * another process that waits, and may be killed.
 */
const LOOK_UP = `const { lookup } = require('node:dns')
for (const host of process.argv.slice(1)) lookup(host, (error) => console.log(host, error ? error.code : 'found'))`

/** What came of looking up each host: `found`, or a code; those that took too long are left out. */
async function lookUp(hosts: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
  const lines = await printedBy(process.execPath, ['--eval', LOOK_UP, '--', ...hosts], signal)
  return new Map(
    lines.split('\n').map((line): [string, string] => [line.split(' ')[0] ?? '', line.split(' ')[1] ?? '']),
  )
}

function unresolved(key: string, host: string, answer = 'no answer in time'): readonly Finding[] {
  if (answer === 'found') return []
  const hint = `getent hosts ${host}; is the name right, and does /etc/resolv.conf name a server that knows it?`
  return [failed(`${key}: the name ${host} has no address (${answer})`, hint)]
}

function namesIn({ callHome, endpoint, authenticationHook, webhooks, traces }: Config): readonly Named[] {
  const urls = [
    { key: 'authentication-hook.url', url: authenticationHook?.url },
    ...webhooks.map(({ url }, at) => ({ key: `webhooks[${at}].url`, url })),
    { key: 'traces.endpoint', url: traces?.endpoint },
    { key: 'endpoint.http.oidc.issuer', url: endpoint.http.oidc?.issuer },
    { key: 'endpoint.http.oidc.jwks-uri', url: endpoint.http.oidc?.jwksUri },
  ]
  return [
    { key: 'call-home.ssh.address', host: callHome.ssh.address },
    { key: 'endpoint.ssh.address', host: endpoint.ssh.address },
    { key: 'endpoint.http.address', host: endpoint.http.address },
    ...urls.flatMap(({ key, url }) =>
      url === undefined ? [] : [{ key, host: new URL(url).hostname.replace(/^\[|\]$/g, '') }],
    ),
  ]
}
