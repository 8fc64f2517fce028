import { mkdir, open, readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { type GeneratedKeyType, generatePrivateKey } from '../../ssh/generate-private-key.js'
import { parsePrivateKey } from '../../ssh/private-key.js'
import { fingerprintOf, parsePublicKeyLine, publicKeyLine } from '../../ssh/public-key.js'
import { giveToOwnerOf } from '../give-to-owner.js'
import { caFile, type CaRole } from './ca-directory.js'
import type { CommandIo } from '../command-io.js'
import { reportFailure } from '../command-failure.js'
import { fileHint } from '../not-permitted.js'

/** The CAs that are wanted in a directory. */
export interface WantedCas {
  readonly directory: string
  readonly roles: readonly CaRole[]
  readonly type: GeneratedKeyType
}

/**
 * Makes the CAs that are not there yet. Nothing is ever overwritten: a CA that was lost has to be distrusted
 * everywhere. What root makes belongs to whom the directory around it belongs to, so that a bridge can read its CA.
 */
export async function initCa({ directory, roles, type }: WantedCas, io: CommandIo): Promise<void> {
  try {
    const first = await mkdir(directory, { recursive: true, mode: 0o700 })
    if (first !== undefined) await giveToOwnerOf(dirname(first), first, directory)
    const outcomes = []
    // The other types are for old devices, which see nothing of a cluster.
    const typeOf = (role: CaRole): GeneratedKeyType => (role === 'cluster' ? 'ed25519' : type)
    for (const role of roles) outcomes.push(await makeCa({ directory, role, type: typeOf(role) }, io))
    if (outcomes.includes('made')) {
      io.stdout.write('Keep the private halves (the files without .pub) where nobody else reads them.\n')
      io.exit(0)
    } else
      reportFailure(io, {
        message: `${directory}: ${roles.length === 2 ? 'both' : 'all'} CAs are there already, nothing was made`,
        hint: '`homeport ca show` shows them; for new ones name another directory with --dir',
      })
  } catch (error) {
    const { code, path } = error as NodeJS.ErrnoException
    reportFailure(io, {
      message: `${path ?? directory}: cannot be written (${code ?? String(error)})`,
      hint: fileHint(code, 'give a directory that you may write, with --dir'),
    })
  }
}

interface WantedCa extends Pick<WantedCas, 'directory' | 'type'> {
  readonly role: CaRole
}

async function makeCa({ directory, role, type }: WantedCa, io: CommandIo): Promise<'made' | 'there'> {
  const file = caFile(directory, role)
  const publicFile = `${file}.pub`
  const publicText = await textOrNone(publicFile)
  if (publicText !== undefined) {
    const parsed = parsePublicKeyLine(publicText)
    const what = parsed.ok ? `${parsed.key.type} ${fingerprintOf(parsed.key.blob)}` : 'no public key is in it'
    io.stdout.write(`${role} CA  kept  ${publicFile}  ${what}\n`)
    return 'there'
  }
  const comment = `homeport ${role} CA`
  const text = generatePrivateKey(type, comment)
  if (!(await createFile(file, text, 0o600))) {
    io.stdout.write(
      `${role} CA  kept  ${file}  without its public half; ` +
        `write that with: ssh-keygen -y -f ${role}_ca > ${role}_ca.pub\n`,
    )
    return 'there'
  }
  const parsed = parsePrivateKey(text)
  // A key that was made a moment ago can be read, or nothing here works.
  if (!parsed.ok) throw new Error(parsed.failure.message)
  const key = { type: parsed.key.type, blob: parsed.key.getPublicSSH() }
  await createFile(publicFile, `${publicKeyLine(key)} ${comment}\n`, 0o644)
  await giveToOwnerOf(directory, file, publicFile)
  io.stdout.write(`${role} CA  made  ${file}  ${key.type} ${fingerprintOf(key.blob)}\n`)
  return 'made'
}

/** Writes a file unless there is one; says whether it did. */
async function createFile(file: string, content: string, mode: number): Promise<boolean> {
  try {
    const handle = await open(file, 'wx', mode)
    try {
      await handle.writeFile(content)
    } finally {
      await handle.close()
    }
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

async function textOrNone(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
