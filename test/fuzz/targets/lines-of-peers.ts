import { createLineReader } from '../../../src/cluster/line-reader.js'
import { readPeerCommand, readSessionNo, readSessionYes } from '../../../src/cluster/read-peer-command.js'
import { readPeerMessage } from '../../../src/cluster/read-peer-message.js'
import { requestOf } from '../../../src/cluster/asked-request.js'
import { holds, same, type Target } from '../target.js'

const MOST = 4_096
/** A node reads no further than the first line that is no message. */
const MOST_LINES = 50

/** What nodes say to each other: lines of the control channel, and the ask for a session. */
export const linesOfPeers: Target = {
  name: 'lines-of-peers',
  about: 'lines of the control channel between nodes, and commands of its channels',
  words: [
    '"type":"hello"',
    '"type":"claimed"',
    '"links":[',
    '"deviceId":',
    '"epoch":1',
    '"owner":{',
    '"request":{',
    '"kind":"exec"',
    '"terminal":{',
    '"modes":"AA=="',
    '"control":{',
    '"__proto__":{',
    '\n',
  ],
  start: () => ({
    take: (input) => {
      const [whole, inPieces] = [linesIn(input, input.length), linesIn(input, 7)]
      same(whole, inPieces, 'lines differ by the pieces that they come in')
      for (const line of whole) {
        holds(Buffer.byteLength(line) <= MOST * 3, 'a line is longer than may be')
        const read = readPeerMessage(line)
        holds(!read.ok || read.message === undefined || typeof read.message.type === 'string', 'a message has no type')
        const command = readPeerCommand(line)
        if (command.kind === 'ask') {
          requestOf(command.ask.request)
          holds(command.ask.wait >= 0 && command.ask.owner.epoch >= 0, 'an ask is out of bounds')
        }
        readSessionNo(line)
        readSessionYes(line)
      }
    },
  }),
}

function linesIn(input: Buffer, size: number): readonly string[] {
  const lines: string[] = []
  const reader = createLineReader(MOST, (line) => lines.push(line) < MOST_LINES)
  for (let at = 0; at < input.length; at += Math.max(size, 1))
    if (!reader.take(input.subarray(at, at + Math.max(size, 1)))) break
  return lines
}
