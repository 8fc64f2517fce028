import { expect, test } from 'vitest'
import { parseXml } from '../../src/netconf/xml/xml-parse.js'
import { serialiseXml } from '../../src/netconf/xml/xml-serialise.js'
import { elementsOf, type XmlElement } from '../../src/netconf/xml/xml-tree.js'
import { selectSubtrees } from '../../src/simulator/subtree-filter.js'

const DATA = `<top xmlns="urn:t">
<users><user><name>root</name><type>superuser</type><company><dept>1</dept><id>1</id></company></user>
<user><name>fred</name><type>admin</type><company><dept>2</dept><id>2</id></company></user></users>
<interfaces><interface ifName="eth0"><in>45</in><out>6</out></interface><interface ifName="eth1"><in>7</in></interface></interfaces></top>
<other xmlns="urn:o"><x/></other>`

function children(text: string): readonly XmlElement[] {
  const parsed = parseXml(`<r>${text.replaceAll('\n', '')}</r>`)
  if (!parsed.ok) throw new Error(parsed.error.cause)
  return elementsOf(parsed.value)
}

function selected(filter: string): string {
  return selectSubtrees(children(DATA), children(filter))
    .map((one) => serialiseXml(one))
    .join('')
    .replaceAll(/ xmlns="[^"]*"/g, '')
}

const root = '<user><name>root</name><type>superuser</type><company><dept>1</dept><id>1</id></company></user>'
const fred = '<user><name>fred</name><type>admin</type><company><dept>2</dept><id>2</id></company></user>'

test.each([
  ['nothing from an empty filter', '', ''],
  ['a subtree by its namespace', '<other xmlns="urn:o"/>', '<other><x/></other>'],
  ['nothing of another namespace', '<top xmlns="urn:o"/>', ''],
  ['any namespace without one', '<other/>', '<other><x/></other>'],
  ['a selection node: all below it', '<top xmlns="urn:t"><users/></top>', `<top><users>${root}${fred}</users></top>`],
  [
    'selection in each entry',
    '<top xmlns="urn:t"><users><user><name/></user></users></top>',
    '<top><users><user><name>root</name></user><user><name>fred</name></user></users></top>',
  ],
  [
    'a content match alone: the whole entry',
    '<top xmlns="urn:t"><users><user><name> fred </name></user></users></top>',
    `<top><users>${fred}</users></top>`,
  ],
  [
    'a content match and selections',
    '<top xmlns="urn:t"><users><user><name>fred</name><type/><company><id/></company></user></users></top>',
    '<top><users><user><name>fred</name><type>admin</type><company><id>2</id></company></user></users></top>',
  ],
  [
    'several entries',
    '<top xmlns="urn:t"><users><user><name>root</name><type/></user><user><name>fred</name></user></users></top>',
    `<top><users><user><name>root</name><type>superuser</type></user>${fred}</users></top>`,
  ],
  [
    'two content matches must both hold',
    '<top xmlns="urn:t"><users><user><name>fred</name><type>superuser</type></user></users></top>',
    '',
  ],
  [
    'a content match without a match leaves no container',
    '<top xmlns="urn:t"><users><user><name>nobody</name></user></users></top>',
    '',
  ],
  [
    'attribute match',
    '<top xmlns="urn:t"><interfaces><interface ifName="eth1"/></interfaces></top>',
    '<top><interfaces><interface ifName="eth1"><in>7</in></interface></interfaces></top>',
  ],
  [
    'attribute match and selection',
    '<top xmlns="urn:t"><interfaces><interface ifName="eth0"><out/></interface></interfaces></top>',
    '<top><interfaces><interface ifName="eth0"><out>6</out></interface></interfaces></top>',
  ],
  [
    'two subtrees',
    '<other xmlns="urn:o"/><top xmlns="urn:t"><interfaces><interface ifName="eth1"><in/></interface></interfaces></top>',
    '<top><interfaces><interface ifName="eth1"><in>7</in></interface></interfaces></top><other><x/></other>',
  ],
])('%s', (_what, filter, expected) => {
  expect(selected(filter)).toBe(expected)
})
