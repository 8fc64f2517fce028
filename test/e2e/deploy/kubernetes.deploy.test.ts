import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { request } from 'node:https'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseAllDocuments, stringify } from 'yaml'
import { mustPodman, podman } from '../parts/container.js'
import { freePort } from '../parts/free-port.js'
import { makeTempDir, type TempDir } from '../parts/temp-dir.js'
import { waitFor } from '../parts/wait-for.js'
import { builtImage, IMAGE_TIMEOUT_MS } from '../support/built-image.js'
import { cheapPasswordHash, ops } from '../support/users.js'

const root = join(import.meta.dirname, '../../..')
const run = promisify(execFile)

type Labels = Readonly<Record<string, string>>
type Probe = { readonly httpGet: { readonly path: string; readonly port: string; readonly scheme: string } }
type Volume = {
  readonly name: string
  readonly configMap?: { readonly name: string }
  readonly secret?: { readonly secretName: string; readonly defaultMode: number }
}
type Container = {
  readonly image: string
  readonly securityContext: object
  readonly env: readonly { readonly name: string; readonly value: string }[]
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[]
  readonly startupProbe: Probe
  readonly readinessProbe: Probe
  readonly livenessProbe: Probe
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[]
}
type PodSpec = {
  readonly terminationGracePeriodSeconds: number
  readonly securityContext: object
  readonly containers: readonly [Container]
  readonly volumes: readonly Volume[]
}
type Manifest = {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string; readonly namespace?: string }
  readonly data?: Readonly<Record<string, string>>
  readonly spec: {
    readonly replicas?: number
    readonly serviceName?: string
    readonly selector: { readonly matchLabels: Labels } & Labels
    readonly podSelector?: { readonly matchLabels: Labels }
    readonly template: { readonly metadata: { readonly labels: Labels }; readonly spec: PodSpec }
    readonly volumeClaimTemplates: readonly { readonly metadata: { readonly name: string } }[]
    readonly ports: readonly { readonly targetPort: string }[]
    readonly ingress: readonly { readonly ports: readonly { readonly port: string }[]; readonly from?: object }[]
  }
}

let manifests: readonly Manifest[]
let statefulSet: Manifest
let pod: PodSpec

const named = (kind: string, name: string): Manifest => {
  const found = manifests.find((one) => one.kind === kind && one.metadata.name === name)
  if (found === undefined) throw new Error(`no ${kind} ${name}`)
  return found
}

beforeAll(async () => {
  const { stdout } = await run('kubectl', ['kustomize', join(root, 'deploy/kubernetes')])
  manifests = parseAllDocuments(stdout).map((document) => document.toJS() as Manifest)
  statefulSet = named('StatefulSet', 'homeport')
  pod = statefulSet.spec.template.spec
})

/** What TypeScript says of manifests as literals of Kubernetes' own types, in which a key that is none is an error. */
async function faultsOf(checked: readonly Manifest[]): Promise<string> {
  await mkdir(join(root, 'test/.build'), { recursive: true })
  const directory = await mkdtemp(join(root, 'test/.build/kubernetes-'))
  const group = (apiVersion: string): string => {
    const [first = '', version] = apiVersion.split('/')
    return version === undefined ? `core/${first}` : `${first.replace(/\..*/, '')}/${version}`
  }
  const lines = checked.flatMap((manifest, at) => [
    `import type { ${manifest.kind} as Kind${at} } from 'kubernetes-types/${group(manifest.apiVersion)}'`,
    `export const manifest${at}: Kind${at} = ${JSON.stringify(manifest, undefined, 1)}`,
  ])
  try {
    const file = join(directory, 'manifests.ts')
    await writeFile(file, lines.join('\n'))
    const options = ['--ignoreConfig', '--noEmit', '--strict', '--skipLibCheck', '--types', '', '--module', 'preserve']
    return await run('npx', ['tsc', ...options, file], { cwd: root }).then(
      () => '',
      (error: { readonly stdout: string }) => error.stdout,
    )
  } finally {
    await rm(directory, { recursive: true })
  }
}

describe('deploy/kubernetes, as kustomize builds it', () => {
  it('is nothing but what Kubernetes knows', async () => {
    expect(manifests.map(({ kind }) => kind).toSorted()).toEqual([
      'ConfigMap',
      'Namespace',
      'NetworkPolicy',
      'PodDisruptionBudget',
      'Service',
      'Service',
      'Service',
      'StatefulSet',
    ])
    expect(await faultsOf(manifests)).toBe('')
    const misspelt = { ...statefulSet, spec: { ...statefulSet.spec, replica: 1 } }
    expect(await faultsOf([misspelt])).toMatch(/'"replica"' does not exist/)
  })

  it('stands in the namespace homeport, which lets in only what is restricted, and is', () => {
    for (const { kind, metadata } of manifests)
      if (kind !== 'Namespace') expect(metadata.namespace, kind).toBe('homeport')
    expect(named('Namespace', 'homeport').metadata).toMatchObject({
      labels: { 'pod-security.kubernetes.io/enforce': 'restricted' },
    })
    expect(pod.securityContext).toMatchObject({
      runAsNonRoot: true,
      runAsUser: 10001,
      fsGroup: 10001,
      fsGroupChangePolicy: 'OnRootMismatch',
      seccompProfile: { type: 'RuntimeDefault' },
    })
    expect(pod.containers[0].securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    })
  })

  it('selects the one pod by its labels, and its ports by their names', () => {
    const { labels } = statefulSet.spec.template.metadata
    const names = pod.containers[0].ports.map(({ name }) => name)
    expect(statefulSet.spec.replicas).toBe(1)
    expect(statefulSet.spec.selector.matchLabels).toEqual(labels)
    expect(named('PodDisruptionBudget', 'homeport').spec.selector.matchLabels).toEqual(labels)
    const policy = named('NetworkPolicy', 'homeport').spec
    expect(policy.podSelector?.matchLabels).toEqual(labels)
    for (const { port } of policy.ingress.flatMap(({ ports }) => ports)) expect(names).toContain(port)
    const services = manifests.filter(({ kind }) => kind === 'Service')
    expect(services.map(({ metadata }) => metadata.name)).toContain(statefulSet.spec.serviceName)
    for (const { spec } of services) {
      expect(spec.selector).toEqual(labels)
      for (const { targetPort } of spec.ports) expect(names).toContain(targetPort)
    }
  })

  it('lets anybody in at the port of devices alone', () => {
    const open = named('NetworkPolicy', 'homeport').spec.ingress.filter(({ from }) => from === undefined)
    expect(open.flatMap(({ ports }) => ports.map(({ port }) => port))).toEqual(['call-home'])
  })

  it('mounts what there is, and has no secret in the environment', () => {
    const [{ env, volumeMounts }] = pod.containers
    const claims = statefulSet.spec.volumeClaimTemplates.map(({ metadata }) => metadata.name)
    const volumes = pod.volumes.map(({ name }) => name)
    expect(volumeMounts.map(({ name }) => name).toSorted()).toEqual([...claims, ...volumes].toSorted())
    for (const { configMap } of pod.volumes) if (configMap !== undefined) named('ConfigMap', configMap.name)
    const secrets = volumeMounts.find(({ name }) => name === 'secrets')?.mountPath
    for (const { name, value } of env)
      expect([name.endsWith('_FILE'), value]).toEqual([true, expect.stringContaining(`${secrets}/`)])
  })
})

describe('the pod, played by podman', () => {
  const name = `homeport-test-${process.pid}`
  const container = `${name}-homeport`
  const secrets = {
    'device-password': 'pw-device',
    router1: 's-router1',
    'ops-password-hash': cheapPasswordHash(ops.password),
  }
  let files: TempDir
  let address: string

  const portOf = (wanted: string): number =>
    pod.containers[0].ports.find((port) => port.name === wanted)?.containerPort ?? 0

  /** The status with which a probe is answered, asked as the kubelet does: it believes any certificate. */
  async function statusOf({ httpGet }: Probe): Promise<number | undefined> {
    const options = { host: address, port: portOf(httpGet.port), path: httpGet.path, rejectUnauthorized: false }
    expect(httpGet.scheme).toBe('HTTPS')
    const asked = request({ ...options, headers: { host: `${address}:${options.port}` } }).end()
    const [answer] = (await once(asked, 'response')) as [IncomingMessage]
    answer.resume()
    return answer.statusCode
  }

  async function log(): Promise<string> {
    const { stdout, stderr } = await podman('logs', container)
    return stdout + stderr
  }

  beforeAll(async () => {
    const image = await builtImage()
    files = await makeTempDir('kubernetes')
    await mustPodman('network', 'create', name)
    const [{ startupProbe: _1, readinessProbe: _2, livenessProbe: _3, ...rest }] = pod.containers
    // What the StatefulSet's controller does: the claim becomes a volume. podman knows no probes without systemd.
    const claims = statefulSet.spec.volumeClaimTemplates.map(({ metadata }) => ({
      name: metadata.name,
      persistentVolumeClaim: { claimName: `${name}-${metadata.name}` },
    }))
    // Debian 12's podman gives a container the base64 of a Secret: a directory takes its place.
    const secretFiles = join(files.path, 'secrets')
    await chmod(files.path, 0o755)
    await mkdir(secretFiles)
    for (const [secret, text] of Object.entries(secrets)) await writeFile(join(secretFiles, secret), text)
    const volumes = pod.volumes.map((volume) =>
      volume.secret === undefined ? volume : { name: volume.name, hostPath: { path: secretFiles, type: 'Directory' } },
    )
    // podman opens each port on this machine, by the same number where nothing else is said.
    const ports = await Promise.all(
      rest.ports.map(async (port) => ({ ...port, hostIP: '127.0.0.1', hostPort: await freePort() })),
    )
    const played = [
      ...manifests.filter(({ kind }) => kind === 'ConfigMap'),
      {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name, labels: statefulSet.spec.template.metadata.labels },
        spec: {
          ...pod,
          containers: [{ ...rest, ports, image, imagePullPolicy: 'Never' }],
          volumes: [...volumes, ...claims],
        },
      },
    ]
    const file = join(files.path, 'pod.yaml')
    await writeFile(file, played.map((one) => stringify(one)).join('---\n'))
    await mustPodman('play', 'kube', '--network', name, file)
    address = await mustPodman(
      'inspect',
      '--format',
      `{{(index .NetworkSettings.Networks "${name}").IPAddress}}`,
      container,
    )
    await waitFor('the bridge', async () => (await log()).includes('"msg":"ready"'), 60_000).catch(async (cause) => {
      throw new Error(await log(), { cause })
    })
  }, IMAGE_TIMEOUT_MS)

  afterAll(async () => {
    await podman('pod', 'rm', '--force', '--ignore', '--time', '0', name)
    for (const { metadata } of statefulSet?.spec.volumeClaimTemplates ?? [])
      await podman('volume', 'rm', '--force', `${name}-${metadata.name}`)
    // podman makes a volume of a ConfigMap, by its name.
    for (const { configMap } of pod?.volumes ?? [])
      if (configMap !== undefined) await podman('volume', 'rm', '--force', configMap.name)
    await podman('network', 'rm', '--force', name)
    await files?.remove()
  })

  it('runs with its configuration and its secrets', async () => {
    expect(await mustPodman('exec', container, 'homeport', 'devices', 'list')).toMatch(/router1/)
    expect(await mustPodman('exec', container, 'homeport', 'check-config')).toMatch(/ok \(1 devices?, 2 users\)/)
  })

  it.each(['startupProbe', 'readinessProbe', 'livenessProbe'] as const)('answers its %s', async (probe) => {
    expect(await statusOf(pod.containers[0][probe])).toBe(200)
  })

  it('listens on each port that it names', async () => {
    const { callHome, endpoint, http } = JSON.parse(
      (await log()).split('\n').find((line) => line.includes('"msg":"ready"')) ?? '{}',
    ) as Record<string, string>
    const ports = [callHome, endpoint, http].map((listening) => Number(/(\d+)$/.exec(listening ?? '')?.[1]))
    expect(ports).toEqual(['call-home', 'netconf-ssh', 'http'].map(portOf))
  })

  it('has no capability, and nothing to write to but its data', async () => {
    const status = await mustPodman('exec', container, 'cat', '/proc/1/status')
    expect(status).toMatch(/^Uid:\t10001\t/m)
    for (const line of ['CapEff:\t0+', 'CapBnd:\t0+', 'NoNewPrivs:\t1'])
      expect(status).toMatch(new RegExp(`^${line}$`, 'm'))
    expect((await podman('exec', container, 'touch', '/etc/homeport/x', '/usr/x')).stderr).toMatch(/Read-only/)
  })

  it('ends in order, sooner than it would be ended', async () => {
    await mustPodman('exec', container, 'sh', '-c', 'kill -HUP 1')
    await waitFor('the reload', async () => /configuration reloaded/.test(await log()), 30_000)
    await mustPodman('stop', '--time', String(pod.terminationGracePeriodSeconds), container)
    expect(await mustPodman('inspect', '--format', '{{.State.ExitCode}}', container)).toBe('0')
    expect(pod.terminationGracePeriodSeconds).toBeGreaterThan(30)
  })
})
