import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { chmod, copyFile, cp, mkdir, writeFile } from 'node:fs/promises'
import { join, normalize } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse, stringify } from 'yaml'
import { runNcclient } from '../parts/clients.js'
import { mustPodman, NO_HEALTH_TIMER, podman, PODMAN_ENVIRONMENT } from '../parts/container.js'
import { freePort } from '../parts/free-port.js'
import { makeTempDir, type TempDir } from '../parts/temp-dir.js'
import { waitFor } from '../parts/wait-for.js'
import { builtImage, IMAGE_TIMEOUT_MS } from '../support/built-image.js'
import { ops } from '../support/users.js'

const root = join(import.meta.dirname, '../../..')
const directory = join(root, 'deploy/compose')
const read = (name: string): string => readFileSync(join(directory, name), 'utf8')

type Service = {
  image: string
  user?: string
  read_only?: boolean
  cap_drop?: readonly string[]
  security_opt?: readonly string[]
  restart?: string
  ports?: string[]
  environment?: Readonly<Record<string, string>>
  secrets?: readonly string[]
  volumes?: readonly string[]
  healthcheck?: { readonly test?: readonly string[]; readonly disable?: boolean }
  stop_grace_period?: string
}
type Compose = {
  name?: string
  readonly services: Readonly<Record<string, Service>>
  readonly volumes: object
  readonly secrets: Readonly<Record<string, { readonly file: string }>>
}

const readCompose = (): Compose => parse(read('compose.yaml'), { merge: true }) as Compose
const { services, volumes, secrets } = readCompose()
const serviceNames = Object.keys(services)
const mountsOf = ({ volumes: mounts = [] }: Service) =>
  mounts.map((mount) => {
    const [from = '', to = '', mode] = mount.split(':')
    return { from, to, mode }
  })

/** The lines that docs/containers.md gives to be typed, in the n-th block below a heading. */
function linesOfThePage(heading: string, block: number): string {
  const [, section = ''] = readFileSync(join(root, 'docs/containers.md'), 'utf8').split(`\n## ${heading}\n`)
  const blocks = section.split(/\n## /)[0]?.match(/(?:^ {4}.*\n|^\n(?= {4}))+/gm) ?? []
  return (blocks[block] ?? '').replaceAll(/^ {4}/gm, '').trim()
}

describe('compose.yaml', () => {
  it('is what docker-compose understands', async () => {
    const files = await makeTempDir('compose-config')
    try {
      await cp(join(root, 'deploy'), join(files.path, 'deploy'), { recursive: true })
      const compose = join(files.path, 'deploy/compose/compose.yaml')
      // Debian 12's knows the whole specification but for the project's name.
      await writeFile(compose, read('compose.yaml').replace(/^name: .*$/m, ''))
      const { stdout } = await promisify(execFile)('docker-compose', ['-f', compose, 'config', '--services'])
      expect(stdout.trim().split('\n').toSorted()).toEqual(serviceNames.toSorted())
    } finally {
      await files.remove()
    }
  })

  it.each(serviceNames)('gives %s nothing of root and nothing to write to but volumes', (name) => {
    const service = services[name] as Service
    expect(service).toMatchObject({
      read_only: true,
      cap_drop: ['ALL'],
      security_opt: ['no-new-privileges:true'],
      restart: 'unless-stopped',
    })
    // The user of Homeport's image is 10001.
    if (!service.image.includes('HOMEPORT_IMAGE')) expect(service.user).toMatch(/^[1-9]\d*:\d+$/)
    for (const { from, mode } of mountsOf(service)) {
      if (!from.startsWith('.')) expect(Object.keys(volumes)).toContain(from)
      else expect([existsSync(join(directory, from)), mode], from).toEqual([true, 'ro'])
    }
  })

  it.each(serviceNames)('asks %s for its health, but where it is a simulated device', (name) => {
    const { image, healthcheck } = services[name] as Service
    if (['tokyo', 'osaka'].includes(name)) expect(healthcheck).toEqual({ disable: true })
    // The image's own is that of the-image.deploy.test.ts.
    else if (image.includes('HOMEPORT_IMAGE')) expect(healthcheck).toBeUndefined()
    else expect(healthcheck?.test?.[0]).toBe('CMD')
  })

  it('publishes to the network what devices and clients dial, and all else to this machine alone', () => {
    const ports = Object.values(services).flatMap(({ ports = [] }) => ports)
    expect(ports.filter((port) => !port.startsWith('127.0.0.1:'))).toEqual(['4334:4334', '830:8830'])
  })

  it('has each secret in a file of its own, none in the environment, and mounts no more than a service names', () => {
    for (const service of Object.values(services)) {
      for (const name of service.secrets ?? []) expect(secrets[name]?.file).toBe(`./secrets/${name}`)
      for (const [variable, value] of Object.entries(service.environment ?? {})) {
        if (/SECRET|PASSWORD|TOKEN|HASH/.test(variable)) expect(variable).toMatch(/_FILE$/)
        const [, secret] = /^\/run\/secrets\/(.*)$/.exec(value) ?? []
        if (secret !== undefined) expect(service.secrets).toContain(secret)
      }
    }
    const named = Object.values(services).flatMap((service) => service.secrets ?? [])
    expect(new Set(named)).toEqual(new Set(Object.keys(secrets)))
  })

  it('gives images of others by their versions', () => {
    for (const { image } of Object.values(services))
      expect(image).toMatch(/^\$\{HOMEPORT_IMAGE:-homeport\}$|:v?\d+\.\d+\.\d+$/)
  })
})

describe('what Grafana is given', () => {
  const grafana = services['grafana'] as Service
  const provisioning = (name: string): unknown => parse(read(`grafana/provisioning/${name}`))

  it('is the Prometheus of the compose file, of the kind that the dashboard wants', () => {
    const { datasources } = provisioning('datasources/prometheus.yaml') as { datasources: readonly object[] }
    expect(datasources).toEqual([
      expect.objectContaining({ type: 'prometheus', url: 'http://prometheus:9090', isDefault: true }),
    ])
    const dashboard = JSON.parse(readFileSync(join(root, 'deploy/monitoring/homeport.dashboard.json'), 'utf8')) as {
      templating: { list: readonly { name: string; type: string; query: unknown }[] }
    }
    expect(dashboard.templating.list).toContainEqual(
      expect.objectContaining({ name: 'datasource', type: 'datasource', query: 'prometheus' }),
    )
  })

  it('is the dashboard, where the provider looks for it', () => {
    const { providers } = provisioning('dashboards/homeport.yaml') as {
      providers: readonly { type: string; options: { path: string } }[]
    }
    expect(providers.map(({ type }) => type)).toEqual(['file'])
    const [{ options } = { options: { path: '' } }] = providers
    const mount = mountsOf(grafana).find(({ to }) => to.startsWith(`${options.path}/`))
    expect(normalize(mount?.from ?? '')).toBe('../monitoring/homeport.dashboard.json')
    expect(mountsOf(grafana)).toContainEqual(
      expect.objectContaining({ from: './grafana/provisioning', to: '/etc/grafana/provisioning' }),
    )
  })
})

describe('the lines of docs/containers.md, with podman-compose', () => {
  const project = `homeport-test-${process.pid}`
  // Grafana cannot be had where no registry of images is reached; Prometheus is Debian's, in an image made here.
  const services = ['homeport', 'tokyo', 'osaka', 'prometheus']
  const containerOf = (service: string): string => `${project}_${service}_1`
  const prometheusImage = `localhost/homeport-test-prometheus:${process.pid}`
  let files: TempDir
  let image: string
  let ports: { readonly ssh: number; readonly http: number; readonly prometheus: number }

  /** Types lines at a shell in the root of what was cloned. */
  async function type(lines: string, input = ''): Promise<string> {
    const env = {
      ...PODMAN_ENVIRONMENT,
      PATH: `${join(import.meta.dirname, '../parts')}:${process.env['PATH']}`,
      HOMEPORT_IMAGE: image,
      PROJECT: project,
      SERVICES: services.join(' '),
      PODMAN_RUN_OPTION: NO_HEALTH_TIMER,
    }
    const typed = promisify(execFile)('bash', ['-euc', lines], { cwd: files.path, env, timeout: 100_000 })
    // Lines may end without having read it.
    typed.child.stdin?.on('error', () => undefined).end(input)
    return (await typed).stdout
  }

  async function ask(path: string): Promise<string> {
    const answer = await fetch(`http://127.0.0.1:${ports.prometheus}${path}`)
    return answer.text()
  }

  async function makePrometheusImage(): Promise<void> {
    const context = join(files.path, 'prometheus')
    await mkdir(join(context, 'data'), { recursive: true })
    for (const program of ['prometheus', 'promtool']) await copyFile(`/usr/bin/${program}`, join(context, program))
    const lines = [
      'FROM localhost/debian:trixie-slim',
      'COPY prometheus promtool /bin/',
      'COPY --chown=65534:65534 data /prometheus',
      'USER 65534',
      'VOLUME /prometheus',
      'ENTRYPOINT ["/bin/prometheus"]',
    ]
    await writeFile(join(context, 'Containerfile'), lines.join('\n'))
    await promisify(execFile)('buildah', ['build', '--isolation', 'chroot', '--tag', prometheusImage, context])
  }

  beforeAll(async () => {
    image = await builtImage()
    files = await makeTempDir('compose')
    await chmod(files.path, 0o755)
    await makePrometheusImage()
    await cp(join(root, 'deploy'), join(files.path, 'deploy'), { recursive: true })
    // On ports of this machine that are free.
    ports = { ssh: await freePort(), http: await freePort(), prometheus: await freePort() }
    const compose = readCompose()
    const { homeport, prometheus } = compose.services
    if (homeport === undefined || prometheus === undefined) throw new Error('compose.yaml has lost a service')
    homeport.ports = [`127.0.0.1:${ports.ssh}:8830`, `127.0.0.1:${ports.http}:8080`]
    prometheus.ports = [`127.0.0.1:${ports.prometheus}:9090`]
    prometheus.image = prometheusImage
    // The name of the project is of this test alone.
    delete compose.name
    await writeFile(join(files.path, 'deploy/compose/compose.yaml'), stringify(compose))
    const lines = [0, 1].map((block) => linesOfThePage('Docker Compose', block))
    await type(lines.join('\n'), `${ops.password}\n`)
  }, IMAGE_TIMEOUT_MS)

  afterAll(async () => {
    await podman('rm', '--force', '--ignore', '--volumes', '--time', '0', ...services.map(containerOf).toReversed())
    const names = (await podman('network', 'ls', '--format', '{{.Name}}')).stdout.split('\n')
    for (const name of names.filter((one) => one.startsWith(`${project}_`)))
      await podman('network', 'rm', '--force', name)
    for (const name of Object.keys(volumes)) await podman('volume', 'rm', '--force', `${project}_${name}`)
    await podman('rmi', '--force', prometheusImage)
    await files?.remove()
  })

  it('bring two devices to the bridge', async () => {
    const [list = ''] = linesOfThePage('Docker Compose', 2).split('\n')
    const attached = /^osaka-1 +configured +attached .*\ntokyo-1 +configured +attached /m
    await waitFor('both devices', async () => attached.test(await type(`cd deploy/compose\n${list}`)), 60_000)
  })

  it('let a client in with the password that was typed', async () => {
    const login = { host: '127.0.0.1', port: ports.ssh, user: `${ops.name}@tokyo-1`, password: ops.password }
    const { replies } = await runNcclient(login)
    expect(replies.filter(({ error }) => error === undefined).map((reply) => reply.do)).toContain('get-config')
  })

  it('have the bridge read a changed configuration', async () => {
    const file = join(files.path, 'deploy/compose/homeport/homeport.yaml')
    await writeFile(
      file,
      readFileSync(file, 'utf8').replace('devices:\n', 'devices:\n  - { id: kyoto-1, secret: s }\n'),
    )
    const [, kill = ''] = linesOfThePage('Docker Compose', 2).split('\n')
    await type(`cd deploy/compose\n${kill}`)
    const log = async (): Promise<string> => {
      const { stdout, stderr } = await podman('logs', containerOf('homeport'))
      return stdout + stderr
    }
    await waitFor('the reload', async () => /"devices":3.*"configuration reloaded/.test(await log()), 30_000)
  })

  it.each(services)(
    'run %s with no capability, as somebody else than root, on a root that is not written',
    async (service) => {
      const container = containerOf(service)
      const [{ HostConfig, EffectiveCaps, Config } = {}] = JSON.parse(await mustPodman('inspect', container))
      expect(HostConfig.ReadonlyRootfs).toBe(true)
      expect(EffectiveCaps ?? []).toEqual([])
      expect(Config.User).toMatch(/^[1-9]/)
      const status = await mustPodman('exec', container, 'cat', '/proc/1/status')
      expect(status).toMatch(/^CapEff:\t0+$/m)
      expect(status).toMatch(/^CapBnd:\t0+$/m)
      expect(status).toMatch(/^NoNewPrivs:\t1$/m)
    },
  )

  it('put no secret where `docker inspect` shows it', async () => {
    const shown = await mustPodman('inspect', ...services.map(containerOf))
    for (const name of Object.keys(secrets)) {
      const file = join(files.path, 'deploy/compose/secrets', name)
      expect(shown).not.toContain(readFileSync(file, 'utf8').trim())
    }
  })

  it('have Prometheus scrape the bridge over TLS with its token, and evaluate the rules', async () => {
    expect(await ask('/-/healthy')).toMatch(/Healthy/)
    await waitFor(
      'a scrape',
      async () => /"value":\[[\d.]+,"2"\]/.test(await ask('/api/v1/query?query=homeport_links')),
      60_000,
    )
    const { data } = JSON.parse(await ask('/api/v1/rules')) as { data: { groups: { rules: { health: string }[] }[] } }
    const states = data.groups.flatMap(({ rules }) => rules.map(({ health }) => health))
    expect(states.length).toBeGreaterThan(10)
    expect(states).not.toContain('err')
  })

  it('keep the data and the certificate of a bridge that is made anew', async () => {
    const certificate = () => mustPodman('exec', containerOf('homeport'), 'cat', 'http.crt')
    const before = await certificate()
    await mustPodman('rm', '--force', '--time', '60', '--depend', containerOf('homeport'))
    await type('cd deploy/compose\ndocker compose up -d --wait homeport')
    expect(await certificate()).toBe(before)
  })
})
