import { execFile } from 'node:child_process'
import { chmod, mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type InteractiveShell, startInteractiveShell } from './parts/interactive-shell.js'
import { makeTempDir, type TempDir } from './parts/temp-dir.js'
import { type RunningBridge, startBridge } from './support/bridge.js'
import { main } from './support/homeport-command.js'
import { endAfterEach } from './support/resources.js'

const run = promisify(execFile)
const own = endAfterEach()

/** Ids by how each begins. Typed as they are, they would run commands, end quotes, or become several words. */
const ODD = {
  sub: 'sub$(touch ran-1)`touch ran-2`',
  semi: 'semi; touch ran-3 & touch ran-4',
  quote: `quote's "and" \\ !! !touch`,
  glob: 'glob*[a-z]?{a,b}~#',
  tab: 'tab <touch >ran-5 | $HOME',
  colon: 'colon:edge=7:1',
  東: '東京 🗼',
} as const

describe('completion in shells', () => {
  let room: TempDir
  let bridge: RunningBridge
  let env: NodeJS.ProcessEnv
  /** Where the shells keep what they read, and where files are completed. */
  let home: string

  beforeAll(async () => {
    room = await makeTempDir('completion')
    home = room.path
    bridge = await startBridge({
      credentials: { default: { username: 'netconf', password: 'unused' } },
      devices: ['router1', 'router2', 'edge', '-dash', ...Object.values(ODD)].map((id) => ({ id, secret: 'unused' })),
    })
    const bin = join(home, 'bin')
    for (const path of [
      'bin',
      'a-directory',
      '.local/share/bash-completion/completions',
      '.zsh/completions',
      '.config/fish/completions',
    ])
      await mkdir(join(home, path), { recursive: true })
    await writeFile(join(home, 'a-file.yaml'), '')
    await writeFile(join(bin, 'homeport'), `#!/bin/sh\nexec '${process.execPath}' '${main}' "$@"\n`)
    await chmod(join(bin, 'homeport'), 0o755)
    env = {
      PATH: `${bin}:${process.env['PATH'] ?? ''}`,
      HOME: home,
      LC_ALL: 'C.UTF-8',
      HOMEPORT_CONFIG: join(bridge.directory, 'homeport.yaml'),
    }
    // As the help of the command has it.
    const { stdout } = await run('homeport', ['completion', '--help'], { env })
    const lines = stdout.split('\n').filter((line) => line.startsWith('  homeport completion '))
    expect(lines).toHaveLength(3)
    for (const line of lines) await run('sh', ['-c', line], { env })
  })
  afterAll(async () => {
    await bridge?.stop()
    await room?.remove()
  })

  const LOADED = {
    bash: '. /usr/share/bash-completion/bash_completion',
    zsh: 'fpath=(~/.zsh/completions $fpath)',
  } as const

  async function start(shell: 'bash' | 'zsh', more: NodeJS.ProcessEnv = {}): Promise<InteractiveShell> {
    return own(await startInteractiveShell(shell, { home, env: { ...env, ...more }, lines: LOADED[shell] }))
  }

  /** No command of an id was run. */
  async function expectNothingRan(): Promise<void> {
    expect((await readdir(home)).filter((name) => name.startsWith('ran-'))).toEqual([])
  }

  describe.each(['bash', 'zsh'] as const)('%s', (shell) => {
    it('completes commands, options, their choices, files and device ids', async () => {
      const { typed } = await start(shell)
      expect(await typed('homeport dev\t')).toEqual(['homeport', 'devices'])
      expect(await typed('homeport devices disc\t')).toEqual(['homeport', 'devices', 'disconnect'])
      expect(await typed('homeport help onb\t')).toEqual(['homeport', 'help', 'onboard'])
      expect(await typed('homeport devices list --atta\t')).toEqual(['homeport', 'devices', 'list', '--attached'])
      expect((await typed('homeport devices list --format ans\t')).at(-1)).toBe('ansible')
      expect((await typed('homeport devices list --format=ans\t')).at(-1)).toBe('--format=ansible')
      expect((await typed('homeport check-config -c a-f\t')).at(-1)).toBe('a-file.yaml')
      expect((await typed('homeport check-config --config=a-f\t')).at(-1)).toBe('--config=a-file.yaml')
      // zsh takes the slash away again at the end of a line.
      expect((await typed('homeport ca show --dir a-\t')).at(-1)).toMatch(/^a-directory\/?$/)
      expect((await typed('homeport devices show ed\t')).at(-1)).toBe('edge')
      expect((await typed('homeport get-config ed\t')).at(-1)).toBe('edge')
      expect((await typed('homeport sessions list --device=ed\t')).at(-1)).toBe('--device=edge')
      expect((await typed('homeport devices show rou\t')).at(-1)).toBe('router')
      expect((await typed('homeport devices show -- -d\t')).at(-1)).toBe('-dash')
      expect((await typed('homeport devices list --label site=t\t')).at(-1)).toBe('site=t')
      expect((await typed('homeport devices list --selector ed\t')).at(-1)).toBe('ed')
    })

    it('writes an id so that it is one word, whatever is in it, in quotes and without', async () => {
      const { typed } = await start(shell)
      for (const [begun, id] of Object.entries(ODD))
        for (const quotes of ['', '"', "'"])
          expect(await typed(`homeport devices show ${quotes}${begun}\t`)).toEqual(['homeport', 'devices', 'show', id])
      expect((await typed('homeport devices show colon:ed\t')).at(-1)).toBe(ODD.colon)
      expect((await typed('homeport devices show glob\\*\t')).at(-1)).toBe(ODD.glob)
      await expectNothingRan()
    })

    it('is silent where no bridge answers', async () => {
      const { typed } = await start(shell, { HOMEPORT_CONFIG: '', HOMEPORT_SOCKET: join(home, 'none.sock') })
      expect(await typed('homeport devices show ed\t')).toEqual(['homeport', 'devices', 'show', 'ed'])
      expect(await typed('homeport devices disc\t')).toEqual(['homeport', 'devices', 'disconnect'])
    })
  })

  describe('fish', () => {
    /** What fish offers for a line, without what it means. */
    async function offered(line: string): Promise<readonly string[]> {
      const { stdout, stderr } = await run('fish', ['-c', 'complete -C $argv[1]', line], { env, cwd: home })
      expect(stderr).toBe('')
      return stdout
        .split('\n')
        .filter((found) => found !== '')
        .map((found) => found.split('\t')[0] ?? '')
    }

    it('completes commands, options, their choices, files and device ids', async () => {
      expect(await offered('homeport dev')).toContain('devices')
      expect(await offered('homeport devices disc')).toEqual(['disconnect'])
      expect(await offered('homeport devices list --atta')).toEqual(['--attached'])
      expect(await offered('homeport devices list --format ans')).toEqual(['ansible'])
      expect(await offered('homeport devices list --format=ans')).toEqual(['--format=ansible'])
      expect(await offered('homeport check-config -c a-f')).toEqual(['a-file.yaml'])
      expect(await offered('homeport check-config --config=a-f')).toEqual(['--config=a-file.yaml'])
      expect(await offered('homeport ca show --dir a-d')).toEqual(['a-directory/'])
      expect(await offered('homeport devices show rou')).toEqual(['router1', 'router2'])
      expect(await offered('homeport devices list --selector ro')).toEqual([])
    })

    it('offers ids as they are, and runs nothing of them', async () => {
      for (const [begun, id] of Object.entries(ODD))
        expect(await offered(`homeport devices show ${begun}`)).toContain(id)
      await expectNothingRan()
    })
  })
})
