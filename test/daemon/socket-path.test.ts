import { mkdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { findSocket, prepareSocket } from '../../daemon/socket-path.ts'
import { temporaryFolder } from './support.ts'

test('the socket is run/sock of the folder, and both sides agree', async () => {
  const home = await temporaryFolder()
  expect(await prepareSocket(home)).toBe(join(home, 'run', 'sock'))
  expect(await findSocket(home)).toBe(join(home, 'run', 'sock'))
  expect((await stat(join(home, 'run'))).mode & 0o777).toBe(0o700)
})

test('where that is too long, a short name stands in run/where', async () => {
  const home = join(await temporaryFolder(), 'x'.repeat(100))
  await mkdir(home)
  const path = await prepareSocket(home)
  expect(path.length).toBeLessThanOrEqual(100)
  expect((await readFile(join(home, 'run', 'where'), 'utf8')).trim()).toBe(path)
  expect(await findSocket(home)).toBe(path)
  expect((await stat(join(path, '..'))).mode & 0o777).toBe(0o700)
})

test('a folder nobody listened in yet has a place to look all the same', async () => {
  const home = join(await temporaryFolder(), 'y'.repeat(100))
  expect(await findSocket(home)).toBe(join(home, 'run', 'sock'))
})
