import { execFile } from 'node:child_process'
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Address } from '../parts/sshd-device.js'
import { makeTempDir } from '../parts/temp-dir.js'

const main = fileURLToPath(new URL('../../../dist/main.js', import.meta.url))

/** Directories of the package, which stand below the room here. */
const OF_THE_PACKAGE = ['/etc/homeport', '/var/lib/homeport'] as const

/**
 * A shell on the bridge's host, as the pages suppose it: the package's directories, `sudo`, `systemctl`, and an
 * administrator's way to the device. Each block of a page runs there as it stands.
 */
export interface PastingHost {
  readonly etc: string
  readonly dataDir: string
  /** A text of a page as it is meant here. */
  readonly placed: (text: string) => string
  /** Runs a block in one shell, which ends at the first command that fails; throws with what it said. */
  readonly paste: (block: string, typed?: string) => Promise<string>
  /** Whom `systemctl reload homeport` tells, and what `journalctl -u homeport` shows. */
  readonly serves: (bridge: { readonly pid: number | undefined; readonly log: () => readonly string[] }) => void
  readonly remove: () => Promise<void>
}

export async function makePastingHost(device: {
  readonly root: string
  readonly service: Address
}): Promise<PastingHost> {
  const room = await makeTempDir('pasting')
  const at = (...path: string[]): string => join(room.path, ...path)
  for (const directory of ['bin', 'work', 'home', ...OF_THE_PACKAGE.map((path) => path.slice(1))])
    await mkdir(at(directory), { recursive: true })
  const { host, port } = device.service
  await writeFile(at('ssh_config'), `Host 192.0.2.1\n  HostName ${host}\n  Port ${port}\n`)
  const scripts: Readonly<Record<string, string>> = {
    // Nobody changes the user here; what needs it on a real host, the pages' own test says.
    sudo: 'if [ "$1" = -u ]; then shift 2; fi\nexec "$@"',
    homeport: `HOMEPORT_CONFIG='${at('etc/homeport/homeport.yaml')}' exec '${process.execPath}' '${main}' "$@"`,
    // There is no group homeport on this machine, and OpenSSH wants keys of one's own to be for oneself alone.
    install:
      'while [ "$1" != -m ]; do case "$1" in -o|-g) shift 2;; *) d="$d $1"; shift;; esac; done\n' +
      'exec /usr/bin/install $d "$@"',
    chgrp: '[ "$1" = homeport ] && [ -e "$2" ]',
    chmod: '[ "$1" = 640 ] && exec /bin/chmod 600 "$2"\nexec /bin/chmod "$@"',
    // The administrator's copies reach the file system of the device.
    scp:
      `from=$(echo "$1" | sed 's|^admin@192.0.2.1:|${device.root}|')\n` +
      `to=$(echo "$2" | sed 's|^admin@192.0.2.1:|${device.root}|')\nexec cp "$from" "$to"`,
    ssh: `exec /usr/bin/ssh -F '${at('ssh_config')}' "$@"`,
    systemctl: `[ "$*" = 'reload homeport' ] && kill -HUP "$BRIDGE_PID"`,
    journalctl: `[ "$*" = '-u homeport' ] && cat '${at('journal')}'`,
  }
  for (const [name, script] of Object.entries(scripts)) {
    await writeFile(at('bin', name), `#!/bin/sh\n${script}\n`)
    await chmod(at('bin', name), 0o755)
  }
  let bridge: Parameters<PastingHost['serves']>[0] = { pid: undefined, log: () => [] }
  const placed = (text: string): string =>
    OF_THE_PACKAGE.reduce((placing, path) => placing.replaceAll(path, at(path.slice(1))), text)
  return {
    etc: at('etc/homeport'),
    dataDir: at('var/lib/homeport'),
    placed,
    serves: (serving) => {
      bridge = serving
    },
    paste: async (block, typed = '') => {
      await writeFile(
        at('journal'),
        bridge
          .log()
          .map((line) => `${line}\n`)
          .join(''),
      )
      const env = {
        PATH: `${at('bin')}:/usr/bin:/bin:/usr/sbin:/sbin`,
        HOME: at('home'),
        BRIDGE_PID: String(bridge.pid),
      }
      return new Promise((resolve, reject) => {
        const words = ['-e', '-o', 'pipefail', '-c', placed(block)]
        const child = execFile(
          '/bin/bash',
          words,
          { cwd: at('work'), env, timeout: 60_000 },
          (error, stdout, stderr) =>
            error === null ? resolve(stdout) : reject(new Error(`${block}\n${error.message}\n${stdout}${stderr}`)),
        )
        child.stdin?.end(typed)
      })
    },
    remove: room.remove,
  }
}
