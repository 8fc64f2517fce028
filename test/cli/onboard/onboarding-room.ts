import { mkdtempSync, rmSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Command } from 'commander'
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest'
import type { AddDevice } from '../../../src/cli/operator/add-device.js'
import { onboardCommand } from '../../../src/cli/onboard/onboard.js'
import type { Step } from '../../../src/cli/onboard/onboarding.js'
import type { AddedDevice } from '../../../src/fleet/enrolment/enrolment.js'
import { type KeyRoom, makeKeyRoom } from '../../ssh/ssh-keygen.js'
import { junosWords, readJunosLine } from '../../support/junos-statements.js'
import { recordedIo } from '../recorded-io.js'

/** What `onboard --json` prints. */
export interface Shown {
  readonly secret: string | null
  readonly secretFrom: string | null
  readonly steps: readonly Step[]
  readonly nms: Record<'sshConfig' | 'ncclient' | 'pyez' | 'ansible', string> & {
    readonly knownHosts: readonly string[]
  }
  readonly bridge: { readonly added: boolean; readonly message?: string; readonly hint?: string }
}

export type Answer = Awaited<ReturnType<AddDevice>>

export const unreachable = {
  ok: false,
  cause: 'unreachable',
  message: 'no bridge is running here',
  hint: 'start it',
} as const

/** A directory for each test, with a configuration in which `onboard` runs. */
export function onboardingRoom() {
  let keys: KeyRoom
  let cwd = ''
  beforeAll(async () => {
    keys = await makeKeyRoom()
  })
  afterAll(() => keys.remove())
  beforeEach(async () => {
    cwd = mkdtempSync(join(tmpdir(), 'homeport-onboard-'))
    await mkdir(join(cwd, 'config'))
    await configure()
  })
  afterEach(() => rmSync(cwd, { recursive: true }))

  async function configure(credentials: object = { username: 'netconf', password: 'never-shown' }, more: object = {}) {
    const config = { credentials: { default: credentials }, users: [{ name: 'netops', roles: ['operator'] }], ...more }
    await writeFile(join(cwd, 'config/homeport.yaml'), JSON.stringify(config))
  }

  /** Runs it beside a bridge that answers so to a device that is added. */
  async function onboard(args: readonly string[], answer: Answer = { ok: true }, env: Record<string, string> = {}) {
    const { io, output } = recordedIo({ cwd, env })
    const added: AddedDevice[] = []
    const command: Command = onboardCommand(io, () => (device) => {
      added.push(device)
      return Promise.resolve(answer)
    })
    command.exitOverride().configureOutput({ writeErr: (text) => (output.stderr += text) })
    const bridge = args.some((word) => word.startsWith('--bridge')) ? [] : ['--bridge', 'Bridge.example']
    await command.parseAsync([...bridge, ...args], { from: 'user' }).catch((error: { exitCode?: number }) => {
      if (error.exitCode === undefined) throw error
      output.status = 2
    })
    return { ...output, added }
  }

  return {
    cwd: () => cwd,
    keys: () => keys,
    configure,
    onboard,
    shown: async (args: readonly string[], answer?: Answer, env?: Record<string, string>) => {
      const output = await onboard(['--json', ...args], answer, env)
      return { ...output, json: JSON.parse(output.stdout) as Shown }
    },
  }
}

/** The words of the `set` lines of all steps; each has to be a statement that Junos knows. */
export function junosStatements(steps: readonly Step[]): (readonly string[])[] {
  return steps
    .flatMap(({ text }) => text.split('\n'))
    .filter((line) => line.startsWith('set '))
    .map((line) => {
      readJunosLine(line)
      return junosWords(line)
    })
}

/** What is to be written into the configuration and `.env`, where no bridge took the device. */
export function byHandIn(steps: readonly Step[]): readonly Step[] {
  return steps.slice(steps.findIndex(({ title }) => title.startsWith('No bridge took the device'))).slice(0, 2)
}

export function statementWith(steps: readonly Step[], ...words: readonly string[]): readonly string[] | undefined {
  return junosStatements(steps).find((statement) => words.every((word) => statement.includes(word)))
}
