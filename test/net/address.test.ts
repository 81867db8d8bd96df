import { expect, test } from 'vitest'
import { addressBytes, addressText, addressTexts } from '../../net/address.ts'
import { concat, utf8 } from '../../protocol/bytes.ts'

/** /dns4/ with any name, as bytes: code, length, name. */
function dns4(name: string): Uint8Array {
  return concat(Uint8Array.of(54, name.length), utf8(name))
}

test('an address is the same as text and as bytes', () => {
  for (const text of ['/ip4/127.0.0.1/tcp/4001', '/dns4/mailbox.example/tcp/443/ws', '/ip6/::1']) {
    expect(addressText(addressBytes(text))).toBe(text)
  }
})

test('a name that reads as more than a name is no address', () => {
  const injected = [dns4('x/tcp/1'), dns4('a/ip4/10.0.0.1/tcp/22'), dns4('a/')]
  expect(addressTexts([...injected, dns4('a'), Uint8Array.of(1, 2)])).toEqual(['/dns4/a'])
})
