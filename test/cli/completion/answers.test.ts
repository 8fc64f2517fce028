import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import type { Command, Option } from 'commander'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { answerCommand } from '../../../src/cli/completion/answer.js'
import { completedBy } from '../../../src/cli/completion/completed-by.js'
import { createProgram } from '../../../src/cli/program.js'
import { makeTempDir, type TempDir } from '../../e2e/parts/temp-dir.js'
import { recordedIo } from '../recorded-io.js'

let room: TempDir
let program: Command
beforeAll(async () => {
  room = await makeTempDir('completion')
  program = await createProgram([])
}, 60_000)
afterAll(() => room?.remove())

/** What a shell is told; no bridge answers. */
async function answered(shell: string, ...words: readonly string[]): Promise<readonly string[]> {
  const { io, output } = recordedIo({ cwd: room.path, env: { HOMEPORT_SOCKET: join(room.path, 'none') } })
  await answerCommand(() => Promise.resolve(program), io).parseAsync([shell, '--', ...words], { from: 'user' })
  expect(output.stderr).toBe('')
  return output.stdout.trimEnd().split('\n')
}

/** The same, as words without what they mean. */
const offered = async (...words: readonly string[]): Promise<readonly string[]> =>
  (await answered('fish', ...words)).map((line) => line.split('\t')[0] ?? '')

const everyCommand = (command: Command = program): readonly Command[] => [
  command,
  ...command.commands.flatMap((below) => everyCommand(below)),
]

describe('what is offered', () => {
  it('is every command below its own, with help', async () => {
    for (const command of everyCommand().filter(({ commands }) => commands.length > 0)) {
      const path = command === program ? [] : [command.name()]
      expect(await offered(...path, '')).toEqual(['words', ...command.commands.map((one) => one.name()), 'help'])
    }
    expect(await offered('help', '')).toEqual(['words', ...program.commands.map((one) => one.name())])
    expect(await offered('devices', 'help', '')).toContain('disconnect')
    expect(await offered('devices', 'help', 'show', '')).toEqual(['words'])
  })

  it('is every option of every command but those that help hides', async () => {
    for (const command of everyCommand().filter(({ parent }) => parent !== null)) {
      const path = command.parent === program ? [command.name()] : [command.parent?.name() ?? '', command.name()]
      const shown = command.options.filter(({ hidden }) => !hidden).map(({ long }) => long)
      expect(await offered(...path, '-')).toEqual(['words', ...shown, '--help'])
    }
  })

  it('is the words that an option takes, in a word of their own and behind =', async () => {
    expect(await offered('devices', 'list', '--format', '')).toContain('prometheus-sd')
    expect(await offered('devices', 'list', '--format=')).toContain('--format=prometheus-sd')
    expect(await offered('token', 'create', '--scope', 'read', '')).toEqual(
      await offered('token', 'create', '--scope', ''),
    )
    expect(await offered('completion', '')).toEqual(['words', 'bash', 'zsh', 'fish'])
  })

  it('is nothing for what can be anything, and behind what is wrong', async () => {
    for (const words of [
      ['devices', 'list', '--label', ''],
      ['devices', 'list', '--selector', ''],
      ['devices', 'list', ''],
      ['no-such', ''],
      ['devices', 'no-such', ''],
      ['devices', 'list', '--no-such='],
      ['version', ''],
    ])
      expect(await offered(...words)).toEqual(['words'])
  })

  it('is names of files and directories, by the shell', async () => {
    expect(await offered('serve', '-c', '')).toEqual(['file'])
    expect(await offered('serve', '--config=')).toEqual(['file'])
    expect(await offered('edit-config', '-c', 'x', 'router1', '')).toEqual(['file'])
    expect(await offered('edit-config', '-cx', 'router1', '')).toEqual(['file'])
    expect(await offered('edit-config', '--config=x', '--', '-router', '')).toEqual(['file'])
    expect(await offered('ca', 'show', '--dir', '')).toEqual(['directory'])
    expect(await offered('rpc', '--selector', 'site=tokyo', '')).toEqual(['file'])
    expect(await offered('rpc', 'router1', '')).toEqual(['file'])
  })

  it('of an argument and of the value of an option goes by its name, and none is forgotten', () => {
    const valueOf = ({ flags }: Option): string => /[<[].*[>\]]$/.exec(flags)?.[0] ?? ''
    const values = everyCommand().flatMap(({ registeredArguments, options }) => [
      ...registeredArguments.map((one) => [`<${one.name()}>`, completedBy(one)] as const),
      ...options.filter((one) => valueOf(one) !== '').map((one) => [valueOf(one), completedBy(one)] as const),
    ])
    const by = (wanted: string): ReadonlySet<string> =>
      new Set(values.filter(([, source]) => source === wanted).map(([name]) => name))
    expect(by('device')).toEqual(new Set(['<id>', '<ids>']))
    expect(by('file')).toEqual(new Set(['<file>', '<file.pub>', '<path>']))
    expect(by('directory')).toEqual(new Set(['<dir>']))
    const free = new Set(values.filter(([, source]) => source === undefined).map(([name]) => name))
    // What a new one of these names is completed by is said in src/cli/completion/completed-by.ts, or nothing.
    expect([...free].toSorted()).toMatchInlineSnapshot(`
      [
        "<SHA256:…>",
        "<changes>",
        "<command>",
        "<datastore>",
        "<date>",
        "<duration>",
        "<expression>",
        "<host:port>",
        "<host>",
        "<host[:port]>",
        "<levels>",
        "<line...>",
        "<list>",
        "<n>",
        "<name=value>",
        "<name>",
        "<number>",
        "<order>",
        "<origin>",
        "<port>",
        "<seconds>",
        "<selector...>",
        "<selector>",
        "<session-id>",
        "<session>",
        "<share>",
        "<text>",
        "<time>",
        "<token-id>",
        "<url>",
        "<when>",
        "<word>",
        "<words>",
        "<xml>",
      ]
    `)
  })
})

describe('what bash is told', () => {
  const BREAKS = ' \t\n"\'@><=;|&(:'
  const inBash = async (line: string): Promise<readonly string[]> => (await answered('bash', line, BREAKS)).slice(1)

  it('begins behind the last word break of what is typed', async () => {
    expect(await inBash('homeport devices list --form')).toEqual(['--format'])
    expect(await inBash('homeport devices list --format=pro')).toEqual(['prometheus-sd'])
    expect(await inBash('homeport devices list "--format=pro')).toEqual(['--format=prometheus-sd'])
  })

  it('is only what fits', async () => {
    expect(await inBash('homeport devices dis')).toEqual(['disconnect'])
    expect(await inBash('homeport devices xyz')).toEqual([])
    expect(await inBash(String.raw`homeport de\vices dis`)).toEqual(['disconnect'])
  })

  it('is the name of a file where output goes, which is no argument', async () => {
    expect(await answered('bash', 'homeport devices list > x', BREAKS)).toEqual(['file'])
    expect(await answered('bash', 'homeport devices list > ', BREAKS)).toEqual(['file'])
    expect(await inBash('homeport >x devices dis')).toEqual(['disconnect'])
  })

  it('comes of any line, however it ends', async () => {
    for (const line of ['', 'homeport', 'homeport "', "homeport '", 'homeport \\', 'homeport $(', 'homeport devices <'])
      await expect(answered('bash', line, BREAKS)).resolves.toBeDefined()
  })
})

it('a bridge that does not answer is not waited for', async () => {
  // It reads nothing, so that only its own end ends a connection.
  const taken: Socket[] = []
  const silent = createServer((socket) => taken.push(socket))
  const path = join(room.path, 'silent.sock')
  await new Promise<void>((resolve) => silent.listen(path, resolve))
  const { io, output } = recordedIo({ cwd: room.path, env: { HOMEPORT_SOCKET: path } })
  const before = performance.now()
  await answerCommand(() => Promise.resolve(program), io).parseAsync(['zsh', 'devices', 'show', ''], { from: 'user' })
  // A second of patience, on a machine that does other things too.
  expect(performance.now() - before).toBeLessThan(10_000)
  expect(output).toMatchObject({ stdout: 'words\n', stderr: '' })
  for (const socket of taken) socket.destroy()
  await new Promise((resolve) => silent.close(resolve))
}, 20_000)
