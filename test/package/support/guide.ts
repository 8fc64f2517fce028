import { readFileSync } from 'node:fs'

/** The pages that tell how the package is used. */
export type Page = 'docs/getting-started.md' | 'docs/upgrade.md' | 'README.md'

function sectionOf(heading: string, page: Page): string {
  const text = readFileSync(new URL(`../../../${page}`, import.meta.url), 'utf8')
  const section = text.split(`\n${heading}\n`)[1]?.split(/^##/m)[0]
  if (section === undefined) throw new Error(`${page} has no section ${heading}`)
  return section
}

/** What a section says is to be typed, line by line, without its remarks. */
export function typedIn(heading: string, page: Page = 'docs/getting-started.md'): readonly string[] {
  return sectionOf(heading, page)
    .split('\n')
    .flatMap((line) => /^ {4}(\S.*?)(?: +# .*)?$/.exec(line)?.[1] ?? [])
}

/** The first YAML of a section of docs/getting-started.md. */
export function yamlIn(heading: string): string {
  const yaml = /```yaml\n(.*?)```/s.exec(sectionOf(heading, 'docs/getting-started.md'))?.[1]
  if (yaml === undefined) throw new Error(`docs/getting-started.md has no YAML in ${heading}`)
  return yaml
}
