import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'dotenv'
import { describe, expect, it } from 'vitest'
import { loadConfig } from '../../src/config/load.js'
import { configOf, problemsOf } from './parse-text.js'

const root = join(import.meta.dirname, '../..')
const text = readFileSync(join(root, 'config/homeport.example.yaml'), 'utf8')
const variables = parse(readFileSync(join(root, 'config/.env.example')))

describe('config/homeport.example.yaml', () => {
  it('is valid with the variables of .env.example, without a warning', () => {
    expect(loadConfig({ path: 'config/homeport.example.yaml', cwd: root, env: variables })).toMatchObject({
      ok: true,
      warnings: [],
    })
  })

  it('is valid with the keys that are commented out, but for their files', () => {
    const whole = text.replace(/^( *)# ( *(?:[a-z-]+:(?= |$)|- [a-z]))/gm, '$1$2')
    const commentedOut = {
      DEVICE_KEY_PASSPHRASE: 'x',
      USER_CA_PASSPHRASE: 'x',
      HOST_CA_PASSPHRASE: 'x',
      SSH_AUTH_SOCK: '/run/agent',
      HOOK_TOKEN: 'x',
      COLLECTOR_TOKEN: 'x',
      DATABASE_PASSWORD: 'x',
      CLUSTER_SECRET: Buffer.alloc(32).toString('base64'),
    }
    const problems = problemsOf(whole, { ...variables, ...commentedOut })
    expect(problems.map((problem) => problem.replace(/^\d+:\d+: /, ''))).toEqual([
      'endpoint.ssh.host-keys[0]: /srv/config/keys/ssh_host_ed25519_key cannot be read (ENOENT)',
      'endpoint.ssh.host-certificates[0]: /srv/config/keys/ssh_host_ed25519_key-cert.pub cannot be read (ENOENT)',
      'endpoint.ssh.host-ca: /srv/config/keys/host_ca cannot be read (ENOENT)',
      'endpoint.ssh.trusted-user-ca-keys[0]: /srv/config/keys/user_ca.pub cannot be read (ENOENT)',
      'endpoint.ssh.revoked-keys[0]: /srv/config/keys/revoked_user_keys cannot be read (ENOENT)',
      'endpoint.http.certificate: /srv/config/keys/http.crt cannot be read (ENOENT)',
      'endpoint.http.key: /srv/config/keys/http.key cannot be read (ENOENT)',
      'endpoint.http.client-ca: /srv/config/keys/http_clients_ca.crt cannot be read (ENOENT)',
      'trust.known-hosts: /srv/config/known_hosts cannot be read (ENOENT)',
      'trust.revoked[0]: /srv/config/keys/revoked_host_keys cannot be read (ENOENT)',
      'credentials.default.private-key: /srv/config/keys/id_ed25519 cannot be read (ENOENT)',
      'credentials.default.certificate: /srv/config/keys/id_ed25519-cert.pub cannot be read (ENOENT)',
      'credentials.agent.agent-key: /srv/config/keys/id_ed25519.pub cannot be read (ENOENT)',
      'credentials.fresh.user-ca: /srv/config/keys/user_ca cannot be read (ENOENT)',
      'users-file: /srv/config/users.yaml cannot be read (ENOENT)',
      'authentication-hook.ca-file: /srv/config/keys/aaa_ca.pem cannot be read (ENOENT)',
      'cluster.certificate: /srv/config/keys/node-cert.pub cannot be read (ENOENT)',
      'cluster.key: /srv/config/keys/node cannot be read (ENOENT)',
      'cluster.ca: /srv/config/keys/cluster_ca.pub cannot be read (ENOENT)',
    ])
  })

  it('shows the true defaults', () => {
    const { devices: _, users: __, credentials: ___, webhooks: _w, roles, ...shown } = configOf(text, variables)
    const { devices: ____, users: _____, credentials: ______, webhooks: _d, roles: builtIn, ...defaults } = configOf('')
    expect(shown).toEqual(defaults)
    expect(roles.get('operator')).toEqual(builtIn.get('operator'))
  })
})
