import { describe, expect, it } from 'vitest'
import { bridgeSteps, keptBy } from '../../../src/cli/onboard/onboard-bridge.js'
import { junosSteps } from '../../../src/cli/onboard/onboard-junos.js'
import type { ConfigurationPlace, DeviceLogin, LoginKey, Onboarding } from '../../../src/cli/onboard/onboarding.js'

const loginKey: LoginKey = { file: '/etc/homeport/keys/id_rsa', place: 'to be made' }
const certificate: DeviceLogin = {
  method: 'certificate',
  principals: ['netconf'],
  loginKey,
  by: undefined,
  userCaFile: '/var/lib/homeport/ca/user_ca.pub',
}

function onboardingBy(login: DeviceLogin, keptBy: ConfigurationPlace['keptBy'] = 'package'): Onboarding {
  const directory = keptBy === 'somebody' ? '/home/ops' : '/etc/homeport'
  return {
    deviceId: 'router1',
    secret: 'a secret',
    callHome: [{ host: 'bridge.example', port: 4334 }],
    reconnectStrategy: 'in-order',
    bridge: { host: 'bridge.example', endpointPort: 830, hostKeys: [] },
    configuration: {
      file: `${directory}/homeport.yaml`,
      directory,
      keptBy,
      credentials: 'default',
      agent: '/var/lib/homeport/agent.sock',
    },
    keyType: 'rsa',
    account: 'netconf',
    login,
    hostCa: {
      directory: '/var/lib/homeport/ca',
      file: '/var/lib/homeport/ca/host_ca.pub',
      knownHosts: '/etc/homeport/known_hosts',
      knownHostsConfigured: false,
      trusted: false,
    },
    operator: 'ops',
  }
}

const linesHere = (onboarding: Onboarding): readonly string[] =>
  junosSteps(onboarding)
    .filter(({ title }) => title.startsWith('Here: '))
    .flatMap(({ text }) => text.split('\n'))

describe('what onboard prints for a bridge of the package', () => {
  it('reads the files of the service by sudo, and sends copies by the account of whoever pastes it', () => {
    expect(linesHere(onboardingBy(certificate))).toEqual([
      'sudo cat /var/lib/homeport/ca/user_ca.pub > user_ca.pub',
      'scp user_ca.pub ADMIN@DEVICE:/var/tmp/user_ca.pub',
      'scp ADMIN@DEVICE:/etc/ssh/ssh_host_rsa_key.pub .',
      'sudo homeport ca sign-host ssh_host_rsa_key.pub --dir /var/lib/homeport/ca --principals router1',
      'scp ssh_host_rsa_key-cert.pub ADMIN@DEVICE:/var/tmp/',
    ])
    expect(linesHere(onboardingBy({ method: 'key', loginKey }))).toContain(
      'sudo cat /etc/homeport/keys/id_rsa.pub > id_rsa.pub',
    )
  })

  it.each([
    ['a certificate', certificate],
    ['a key', { method: 'key', loginKey }],
    ['an agent', { method: 'key', loginKey: { ...loginKey, place: 'in an agent' } }],
  ] as const)('touches no file of the service without sudo: by %s', (_name, login) => {
    const onboarding = onboardingBy(login)
    const ofService = /\/(etc|var\/lib)\/homeport\//
    const lines = [
      ...linesHere(onboarding),
      ...bridgeSteps(onboarding)
        .filter(({ title }) => !title.includes('what is there of these sections stays'))
        .flatMap(({ text }) => text.split('\n')),
    ]
    expect(lines.filter((line) => ofService.test(line) && !line.includes('sudo '))).toEqual([])
  })

  it('needs no sudo where the configuration is somebody’s own', () => {
    expect(linesHere(onboardingBy(certificate, 'somebody')).join('\n')).not.toContain('sudo')
  })
})

describe('what onboard prints in a container', () => {
  it('is kept by it where its image has the configuration', () => {
    expect(keptBy('/etc/homeport', 'container')).toBe('container')
    expect(keptBy('/etc/homeport', 'systemd')).toBe('package')
    expect(keptBy('/home/ops', 'container')).toBe('somebody')
  })

  it('is done by the engine on its host: no sudo and no systemctl', () => {
    const onboarding = onboardingBy(certificate, 'container')
    const text = [...bridgeSteps(onboarding), ...junosSteps(onboarding)].map((step) => step.text).join('\n')
    expect(text).not.toMatch(/sudo|systemctl/)
    expect(text).toContain(
      'docker exec CONTAINER homeport check-config --config /etc/homeport/homeport.yaml\n' +
        'docker kill --signal HUP CONTAINER',
    )
    expect(linesHere(onboarding)).toEqual([
      'docker exec CONTAINER cat /var/lib/homeport/ca/user_ca.pub > user_ca.pub',
      'scp user_ca.pub ADMIN@DEVICE:/var/tmp/user_ca.pub',
      'scp ADMIN@DEVICE:/etc/ssh/ssh_host_rsa_key.pub .',
      'docker cp ssh_host_rsa_key.pub CONTAINER:/var/lib/homeport/',
      'docker exec CONTAINER homeport ca sign-host /var/lib/homeport/ssh_host_rsa_key.pub ' +
        '--dir /var/lib/homeport/ca --principals router1',
      'docker cp CONTAINER:/var/lib/homeport/ssh_host_rsa_key-cert.pub .',
      'scp ssh_host_rsa_key-cert.pub ADMIN@DEVICE:/var/tmp/',
    ])
  })
})

describe('a bridge that does not run', () => {
  const byHand = [{ title: 'No bridge took the device', text: 'devices: []' }]

  it.each([
    ['package', 'sudo homeport check-config\nsudo systemctl reload-or-restart homeport'],
    [
      'container',
      'docker exec CONTAINER homeport check-config --config /etc/homeport/homeport.yaml\ndocker restart CONTAINER',
    ],
    ['somebody', 'homeport check-config --config /home/ops/homeport.yaml'],
  ] as const)('is started once all is written: kept by %s', (by, command) => {
    const steps = bridgeSteps(onboardingBy(certificate, by), byHand)
    expect(steps.slice(-2)).toEqual([byHand[0], { title: expect.stringMatching(/start it/) as string, text: command }])
  })
})
