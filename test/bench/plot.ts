import type { Figure } from './figure.js'
import { short } from './print.js'

const rowHeight = 26
const labelWidth = 190
const barWidth = 380
const margin = 16

/** A bar for each path, ours dark, with the range of its samples as a line. */
export function plotFigure({ title, unit, measured }: Figure): string {
  const most = Math.max(...measured.flatMap(({ value, samples }) => [value, ...samples]), Number.EPSILON)
  const x = (value: number): number => labelWidth + (Math.max(value, 0) / most) * barWidth
  const height = margin * 3 + measured.length * rowHeight
  const rows = measured.map(({ path, value, samples }, index) => {
    const y = margin * 2.5 + index * rowHeight
    const middle = y + rowHeight / 2
    const fill = path.startsWith('homeport') ? '#1f5f8b' : '#b8c4cc'
    return [
      `<text x="${labelWidth - 8}" y="${middle + 4}" text-anchor="end">${escape(path)}</text>`,
      `<rect x="${labelWidth}" y="${y + 4}" width="${(x(value) - labelWidth).toFixed(1)}" height="${rowHeight - 8}" fill="${fill}"/>`,
      `<line x1="${x(Math.min(...samples)).toFixed(1)}" x2="${x(Math.max(...samples)).toFixed(1)}" y1="${middle}" y2="${middle}" stroke="#e07a1f" stroke-width="2"/>`,
      `<text x="${labelWidth + barWidth + 8}" y="${middle + 4}">${short(value)} ${escape(unit)}</text>`,
    ].join('')
  })
  const width = labelWidth + barWidth + 120
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="sans-serif" font-size="13">
<rect width="${width}" height="${height}" fill="#ffffff"/>
<text x="${margin}" y="${margin * 1.6}" font-weight="bold">${escape(title)}</text>
${rows.join('\n')}
</svg>
`
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}
