/** Good inputs for parsers of protobuf messages, with every field filled, and text for parsers of text. */
import type { DescField, DescMessage } from '@bufbuild/protobuf'
import { ScalarType, create, toBinary } from '@bufbuild/protobuf'
import type { Dice } from './dice.ts'

/** A message whose fields are all filled, of a oneof the one that chance picks; `fields` are as they are given. */
export function exampleMessage(
  schema: DescMessage,
  dice: Dice,
  fields: Readonly<Record<string, unknown>> = {},
): Uint8Array {
  return toBinary(schema, create(schema, { ...filled(schema, dice), ...fields }))
}

function filled(schema: DescMessage, dice: Dice): Record<string, unknown> {
  const alone = schema.fields.filter(({ oneof }) => oneof === undefined)
  const chosen = schema.oneofs.map((oneof) => [oneof.localName, dice.pick(oneof.fields)] as const)
  return Object.fromEntries([
    ...alone.map((field) => [field.localName, valueOf(field, dice)] as const),
    ...chosen.map(
      ([name, field]) => [name, { case: field.localName, value: valueOf(field, dice) }] as const,
    ),
  ])
}

function valueOf(field: DescField, dice: Dice): unknown {
  switch (field.fieldKind) {
    case 'scalar':
      return scalar(field.scalar, dice)
    case 'message':
      return filled(field.message, dice)
    case 'list': {
      const { listKind } = field
      const one = (): unknown => {
        if (listKind === 'message') return filled(field.message, dice)
        return listKind === 'scalar' ? scalar(field.scalar, dice) : 0
      }
      return Array.from({ length: 1 + dice.below(3) }, one)
    }
    case 'enum':
    case 'map':
      throw new Error('sotto has no such fields')
  }
}

function scalar(type: ScalarType, dice: Dice): unknown {
  const make = SCALARS.get(type)
  if (make === undefined) throw new Error('sotto has no such fields')
  return make(dice)
}

const SCALARS = new Map<ScalarType, (dice: Dice) => unknown>([
  [ScalarType.BYTES, (dice: Dice) => dice.bytes(dice.pick([16, 32, 40]))],
  [ScalarType.STRING, (dice: Dice) => dice.pick(['text', '', 'Grüße 👋'])],
  [ScalarType.BOOL, () => true],
  [ScalarType.UINT32, (dice: Dice) => 1 + dice.below(3)],
  [ScalarType.UINT64, (dice: Dice) => BigInt(1 + dice.below(2 ** 40))],
])

/** A byte for each character: inputs of parsers of text are changed as bytes. */
export function fromLatin(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += String.fromCharCode(byte)
  return text
}

/** The inverse of `fromLatin`, for texts that have only such characters. */
export function toLatin(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0))
}

/** Any text: UTF-8, what is none of it replaced, or UTF-16 units after a byte that UTF-8 never has. */
export function textOf(bytes: Uint8Array): string {
  if (bytes[0] !== 0xff) return new TextDecoder().decode(bytes)
  const units = new Uint8Array(bytes.slice(1, 1 + 2 * ((bytes.length - 1) >> 1)))
  return String.fromCharCode(...new Uint16Array(units.buffer))
}
