import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { nameOf } from './run-target.js'

const corpus = fileURLToPath(new URL('corpus/', import.meta.url))
const found = fileURLToPath(new URL('../.build/fuzz/', import.meta.url))

/** An input that is kept in the repository. */
export interface Kept {
  readonly file: string
  readonly input: Buffer
}

/** What is known to be interesting for a target, what was found once included: `corpus/TARGET/*`. */
export async function readCorpus(target: string): Promise<readonly Kept[]> {
  const files = (await readdir(`${corpus}${target}`).catch(() => [])).toSorted((one, other) => (one < other ? -1 : 1))
  return Promise.all(files.map(async (file) => ({ file, input: await readFile(`${corpus}${target}/${file}`) })))
}

/** Writes an input for which something does not hold. @returns the file, relative to the working directory */
export async function writeFound(target: string, input: Buffer): Promise<string> {
  await mkdir(found, { recursive: true })
  const file = `${found}${target}-${nameOf(input)}`
  await writeFile(file, input)
  return relative(process.cwd(), file)
}
