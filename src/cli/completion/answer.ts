import { Command } from 'commander'
import { type CommandIo, processIo } from '../command-io.js'
import { bashReplacement, readBashLine } from './bash-line.js'
import { type Candidate, complete, type Completion } from './complete.js'
import { deviceCandidates } from './device-candidates.js'
import { ANSWER_COMMAND } from './scripts.js'

/** The program as far as these words need it. */
export type LoadProgram = (words: readonly string[]) => Promise<Command>

/** What is answered: `words` with a candidate a line, or that the shell is to complete the name of a file. */
interface Answer {
  readonly kind: 'words' | 'file' | 'directory'
  readonly candidates: readonly Candidate[]
}

/**
 * `homeport complete SHELL -- …`: what may stand at the cursor. bash gives the line up to there and its word breaks,
 * as it does not tell words as they are; other shells give the words, the last of which is begun.
 */
export function answerCommand(load: LoadProgram, io: CommandIo = processIo()): Command {
  return new Command(ANSWER_COMMAND)
    .argument('<shell>')
    .argument('[words...]')
    .action(async (shell: string, words: readonly string[]) => {
      if (shell === 'bash') return answerBash(load, io, words)
      const { kind, candidates } = await answerTo(load, io, words)
      const lines = candidates.map(({ word, meaning }) => `${word}\t${meaning.replaceAll(/\s+/g, ' ')}`)
      io.stdout.write(`${[kind, ...lines].join('\n')}\n`)
    })
}

/** bash takes candidates as they are to stand on the line, and sorts out none of them. */
async function answerBash(
  load: LoadProgram,
  io: CommandIo,
  [typed = '', breaks = '']: readonly string[],
): Promise<void> {
  const line = readBashLine(typed, breaks)
  const { kind, candidates } = line.redirected ? FILE : await answerTo(load, io, [...line.words.slice(1), line.begun])
  const fitting = candidates.filter(({ word }) => word.startsWith(line.begun))
  io.stdout.write(`${[kind, ...fitting.map(({ word }) => bashReplacement(word, line))].join('\n')}\n`)
}

const FILE: Answer = { kind: 'file', candidates: [] }

async function answerTo(load: LoadProgram, io: CommandIo, words: readonly string[]): Promise<Answer> {
  const before = words.slice(0, -1)
  const begun = words.at(-1) ?? ''
  const [first] = before
  const completion = complete(await load(first === undefined ? [] : [first]), before, begun)
  return completion.source === 'file' || completion.source === 'directory'
    ? { kind: completion.source, candidates: [] }
    : { kind: 'words', candidates: await candidatesOf(io, completion, begun) }
}

async function candidatesOf(
  io: CommandIo,
  { candidates, source, before = '', typed }: Completion,
  begun: string,
): Promise<readonly Candidate[]> {
  if (source === undefined || typed === undefined) return candidates
  const devices = await deviceCandidates(io, typed, begun.slice(before.length))
  return devices.map(({ word, meaning }) => ({ word: before + word, meaning }))
}
