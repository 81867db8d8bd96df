import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { describeApi } from './support/exported-names.ts'

test('the entry points export what test/api.txt says (npm run api writes it)', () => {
  const frozen = readFileSync(new URL('api.txt', import.meta.url), 'utf8')
  expect(describeApi()).toBe(frozen)
})

test.for(['node', 'protocol', 'mailbox'])(
  '%s/index.ts exports those values at run time',
  async (folder) => {
    const module = (await import(`../${folder}/index.ts`)) as object
    const heading = folder === 'node' ? '# sotto' : `# sotto/${folder}`
    const frozen = readFileSync(new URL('api.txt', import.meta.url), 'utf8')
    const section = frozen.split('\n\n').find((part) => part.startsWith(`${heading}\n`)) ?? ''
    const names = section.split('\n').slice(1)
    const values = names.filter((name) => name !== '' && !name.startsWith('type '))
    expect(Object.keys(module).toSorted()).toEqual(values)
  },
)
