import { cpus, totalmem } from 'node:os'
import { readFile } from 'node:fs/promises'
import { execFileSync, spawnSync } from 'node:child_process'

/** What a run was measured on, as a reader needs it to compare. */
export async function describeMachine(): Promise<Readonly<Record<string, string | number>>> {
  const system = await readFile('/etc/os-release', 'utf8').catch(() => '')
  return {
    date: new Date().toISOString().slice(0, 10),
    processor: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: /^PRETTY_NAME="(.*)"$/m.exec(system)?.[1] ?? process.platform,
    node: process.version,
    openssh: spawnSync('ssh', ['-V'], { encoding: 'utf8' }).stderr.trim(),
    commit: execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim(),
  }
}
