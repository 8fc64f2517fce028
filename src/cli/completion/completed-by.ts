import type { Argument, Option } from 'commander'

/** What a word is completed by, where it is not one of a few. */
export type Source = 'device' | 'file' | 'directory'

/** The names of arguments and values, as help has them (`<id>`, `--filter <file>`), that stand for such a thing. */
const SOURCES: Readonly<Record<string, Source>> = {
  id: 'device',
  ids: 'device',
  file: 'file',
  'file.pub': 'file',
  path: 'file',
  dir: 'directory',
}

/** What an argument or the value of an option is completed by: words to choose from, a source, or nothing. */
export function completedBy(value: Argument | Option): readonly string[] | Source | undefined {
  return value.argChoices ?? sourceOf('flags' in value ? valueName(value) : value.name())
}

function sourceOf(name: string): Source | undefined {
  return Object.hasOwn(SOURCES, name) ? SOURCES[name] : undefined
}

/** `file` of `-c, --config <file>`. */
function valueName({ flags }: Option): string {
  return /[<[]([^>\]]*?)(?:\.\.\.)?[>\]]$/.exec(flags)?.[1] ?? ''
}
