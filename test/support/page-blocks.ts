import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const docs = join(import.meta.dirname, '../../docs')

/** A fenced block of a page, by the word behind its fence. */
export interface PageBlock {
  readonly language: string
  readonly text: string
}

/** What stands below one heading, up to the next one of any level. */
export interface PageSection {
  readonly heading: string
  /** As links name it. */
  readonly anchor: string
  readonly blocks: readonly PageBlock[]
  readonly text: string
}

/** The sections of a page of `docs/`, in their order. */
export function sectionsOf(page: string): readonly PageSection[] {
  const sections: { heading: string; lines: string[] }[] = []
  let fenced = false
  for (const line of readFileSync(join(docs, page), 'utf8').split('\n')) {
    if (line.startsWith('```')) fenced = !fenced
    const [, heading] = (fenced ? undefined : /^#+ (.*)$/.exec(line)) ?? []
    if (heading === undefined) sections.at(-1)?.lines.push(line)
    else sections.push({ heading, lines: [] })
  }
  return sections.map(({ heading, lines }) => {
    const text = lines.join('\n')
    const blocks = [...text.matchAll(/^```(\w*)\n(.*?)^```$/gms)]
    return {
      heading,
      anchor: heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
      blocks: blocks.map(([, language = '', body = '']) => ({ language, text: body.trimEnd() })),
      text,
    }
  })
}
