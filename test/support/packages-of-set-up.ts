import { readFileSync } from 'node:fs'

/** The Debian packages that test/setup/install.sh installs. */
export function packagesOfSetUp(): readonly string[] {
  const script = readFileSync(new URL('../setup/install.sh', import.meta.url), 'utf8')
  const [, list = ''] = /^packages=\(\n(.*?)^\)/ms.exec(script) ?? []
  return list.split('\n').flatMap((line) => (line.trim().startsWith('#') ? [] : line.trim().split(/\s+/)))
}
