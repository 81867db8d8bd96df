import { expect, test } from 'vitest'
import { nativeBytes, processFigures } from './process-figures.ts'

test('native memory is what neither a file backs nor V8 has chosen a place for', () => {
  const maps = [
    '00400000-00452000 r-xp 00000000 08:02 173521 /usr/bin/node',
    'Anonymous:             0 kB',
    '21d01000-22f78000 rw-p 00000000 00:00 0                                  [heap]',
    'Rss:               18600 kB',
    'Anonymous:         18580 kB',
    '3ec7db40000-3ec7db80000 rw-p 00000000 00:00 0 ',
    'Anonymous:           256 kB',
    '7ff0d4000000-7ff0d43b3000 rw-p 00000000 00:00 0 ',
    'AnonHugePages:         0 kB',
    'Anonymous:          3724 kB',
  ]
  expect(nativeBytes(maps.join('\n'))).toBe((18_580 + 3_724) * 1024)
})

test('memory is what is resident, anonymous and native, each a part of the one before', async () => {
  const { resident, anonymous, native, descriptors, threads } = await processFigures(process.pid)
  expect(resident).toBeGreaterThan(anonymous)
  expect(anonymous).toBeGreaterThan(native)
  expect(native).toBeGreaterThan(2 ** 20)
  expect(descriptors).toBeGreaterThan(2)
  expect(threads).toBeGreaterThan(1)
})
