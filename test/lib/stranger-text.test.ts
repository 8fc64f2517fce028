import { describe, expect, test } from 'vitest'
import { strangerText } from '../../src/lib/stranger-text.js'
import { LONGEST_TURN, leastTurnOf } from '../support/loop-turn.js'

describe('a text of somebody else', () => {
  test.each([
    ['what can be seen stays as it is', 'router1 ルーター é 👩 "x" \\ ', 'router1 ルーター é 👩 "x" \\ '],
    ['a line end begins no line', 'a\r\nb', 'a\\u{d}\\u{a}b'],
    ['other line ends begin none', 'a\u0085b\u2028c\u2029d\u000be', 'a\\u{85}b\\u{2028}c\\u{2029}d\\u{b}e'],
    ['a terminal takes no command from it', '\u001b[2J\u009b2J\u0007\b', '\\u{1b}[2J\\u{9b}2J\\u{7}\\u{8}'],
    ['its direction is not turned', '\u202eevil\u2066\u200f', '\\u{202e}evil\\u{2066}\\u{200f}'],
    ['nothing is hidden in it', 'r\u200b1\ufeff\u00ad\u{e0041}', 'r\\u{200b}1\\u{feff}\\u{ad}\\u{e0041}'],
    ['half a surrogate pair is told', '\ud800x', '\\u{d800}x'],
  ])('%s', (_what, text, shown) => {
    expect(strangerText(text)).toBe(shown)
  })

  test('is bounded, and no character is cut in two', () => {
    expect(strangerText('a'.repeat(1001))).toBe(`${'a'.repeat(1000)}…`)
    expect(strangerText('a'.repeat(1000))).toBe('a'.repeat(1000))
    expect(strangerText('a👩b', 2)).toBe('a…')
    expect(strangerText('a👩b', 3)).toBe('a👩…')
  })

  test('costs no more than its bound', async () => {
    const text = '\u202e\n'.repeat(5 * 1024 * 1024)
    const turn = await leastTurnOf(() => {
      for (let time = 0; time < 100; time += 1) strangerText(text)
    })
    expect(turn).toBeLessThan(LONGEST_TURN)
  })
})
