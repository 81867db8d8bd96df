import { expect, test } from 'vitest'
import { CryptoError, DecodeError, RecordError, SessionError } from '../../protocol/errors.ts'

test.each([
  [DecodeError, 'ERR_TRUNCATED'],
  [RecordError, 'ERR_EXPIRED'],
  [SessionError, 'ERR_DUPLICATE'],
  [CryptoError, 'ERR_AEAD'],
] as const)('%o carries its name, code and cause', (Class, code) => {
  const cause = new Error('below')
  const error = new (Class as new (code: string, options?: ErrorOptions) => Error)(code, { cause })
  expect(error).toBeInstanceOf(Error)
  expect(error).toMatchObject({ name: Class.name, code, message: code, cause })
  expect(Object.prototype.hasOwnProperty.call(Class, 'name')).toBe(true)
})
