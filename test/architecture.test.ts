import { expect, test } from 'vitest'
import { kdfContexts, labels } from '../protocol/labels.ts'
import { type SourceFile, sourcesOf, withoutComments } from './support/sources.ts'

/** Folders in the order of dependency; each may import what stands in its list, and itself. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  protocol: [],
  net: ['protocol'],
  node: ['protocol', 'net'],
  mailbox: ['protocol', 'net'],
  daemon: ['protocol', 'net', 'node', 'mailbox'],
  testnet: ['protocol', 'net', 'node', 'mailbox', 'daemon'],
  cli: ['protocol', 'net', 'node', 'mailbox', 'daemon', 'testnet'],
  examples: ['protocol', 'net', 'node', 'mailbox'],
}

/** Where I/O, timers, the platform and libp2p's modules come in. */
const EDGES: readonly RegExp[] = [
  /^net\/platform\//,
  /^node\/platform\//,
  /^node\/(?:create-node|chat|home-problem|backup|backup-problem|profile-folder|protect)\.ts$/,
  /^mailbox\/(?:main|host|folder|only-one)\.ts$/,
  /^mailbox\/monitor\//,
  /^mailbox\/backup\/backup\.ts$/,
]

/** The only importer of libsodium. */
const PROVIDER = 'protocol/provider.ts'
/** The only file of the core that asks what it runs on: for a native library, which it may not find. */
const NATIVE_MODULE = 'protocol/native-module.ts'

/** What reads and writes the file of an operator. */
const CONFIG_FILES = /^mailbox\/config\/(?:read|edit)\.ts$/

/** Packages of the core: protobuf in `protocol/`, interfaces and byte helpers above it. */
const PROTOCOL_PACKAGES = ['@bufbuild/protobuf']
const CORE_PACKAGES = [
  '@bufbuild/protobuf',
  '@libp2p/interface',
  '@libp2p/peer-id',
  '@multiformats/multiaddr',
  'abstract-level',
  'interface-datastore',
  'it-pipe',
  'uint8arraylist',
  'uint8arrays',
]

const core = sourcesOf('protocol', 'net', 'node', 'mailbox').filter((file) => !isEdge(file))

test('imports are found at all', () => {
  const provider = core.find((file) => file.path === PROVIDER)
  expect(provider?.imports).toEqual(
    expect.arrayContaining(['libsodium-wrappers', 'protocol/primitives.ts', 'protocol/errors.ts']),
  )
})

test('folders depend on each other in one direction', () => {
  const wrong = sourcesOf(...Object.keys(MAY_IMPORT)).flatMap((file) => {
    const folder = folderOf(file.path)
    const allowed = [folder, ...(MAY_IMPORT[folder] ?? [])]
    return ownImports(file)
      .filter((name) => !allowed.includes(folderOf(name)))
      .map((name) => `${file.path} imports ${name}`)
  })
  expect(wrong).toEqual([])
})

test('the core does not import an edge', () => {
  const wrong = core.flatMap((file) =>
    ownImports(file)
      .filter((name) => EDGES.some((edge) => edge.test(name)) && !file.path.endsWith('/index.ts'))
      .map((name) => `${file.path} imports ${name}`),
  )
  expect(wrong).toEqual([])
})

test('the core imports only the packages on its list, and nothing of Node', () => {
  const wrong = core.flatMap((file) =>
    packagesOf(file)
      .filter((name) => !allowedPackages(file).some((allowed) => isPackage(name, allowed)))
      .map((name) => `${file.path} imports ${name}`),
  )
  expect(wrong).toEqual([])
})

test('the mailbox knows its store by the interface alone', () => {
  const makers = ['mailbox/host.ts', 'mailbox/folder.ts', 'mailbox/index.ts']
  const inside = /^mailbox\/(?:level|conditional|backup)\//
  const parts = /^mailbox\/(?:level|conditional)\/|^net\/(?:records|sealed-value|record-range)\.ts$/
  const wrong = sourcesOf('mailbox')
    .filter(({ path }) => !inside.test(path) && !makers.includes(path))
    .flatMap(({ path, imports }) =>
      imports.filter((name) => parts.test(name)).map((name) => `${path} imports ${name}`),
    )
  expect(wrong).toEqual([])
})

test('the simulator defines what stands around the cores, and nothing of their own', () => {
  const around = ['SimClock', 'SimDirectory', 'SimDisk', 'SimFile', 'Process'] // behind the ports
  const story = ['Host', 'Mailbox', 'Person', 'World', 'Story', 'Liar'] // who has them
  const looking = ['FaultLog', 'Trace', 'Watch']
  const classes = namesOf(/^(?:export )?(?:abstract )?class (\w+)/gm, 'test/sim')
  expect(classes.toSorted()).toEqual([...around, ...story, ...looking].toSorted())
  const exported = /^export (?:async )?(?:function\*? |class |const )(\w+)/gm
  const theirs = new Set(namesOf(exported, 'protocol', 'net', 'node', 'mailbox'))
  expect(theirs).toContain('ChatCore')
  expect(namesOf(exported, 'test/sim').filter((name) => theirs.has(name))).toEqual([])
})

test('the simulator brings ports, and runs the cores themselves', () => {
  const sources = new Map(
    sourcesOf('protocol', 'net', 'node', 'mailbox', 'test').map((file) => [file.path, file]),
  )
  const simulator = [...sources.values()].filter(
    ({ path }) => path.startsWith('test/sim/') && !path.endsWith('.test.ts'),
  )
  const reached = new Set(simulator.map(({ path }) => path))
  // A set can grow while it is walked.
  for (const path of reached) for (const name of ownImports(sources.get(path))) reached.add(name)
  const allowed =
    /^(?:protocol|net|node|mailbox|test\/sim)\/|^test\/support\/(?:memory-wire|random)\.ts$|^test\/campaign\/dice\.ts$/
  const files = [...reached].filter(
    (path) => !allowed.test(path) || EDGES.some((edge) => edge.test(path)),
  )
  expect(files).toEqual([])
  for (const one of ['node/core.ts', 'mailbox/service.ts', 'mailbox/level/level-store.ts']) {
    expect(reached).toContain(one)
  }
  const packages = [...reached].flatMap((path) => packagesOf(sources.get(path)))
  const known = [...CORE_PACKAGES, 'libsodium-wrappers', 'memory-level']
  expect(packages.filter((name) => !known.some((one) => isPackage(name, one)))).toEqual([])
})

test('libsodium has one importer', () => {
  const importers = sourcesOf(...Object.keys(MAY_IMPORT))
    .filter((file) => packagesOf(file).some((name) => name.startsWith('libsodium')))
    .map((file) => file.path)
  expect(importers).toEqual([PROVIDER])
})

test('time, timers, chance and the platform come in through the ports', () => {
  const forbidden: readonly RegExp[] = [
    /\bDate\.now\b/,
    /\bnew Date\(/,
    /\bperformance\.now\b/,
    /\bMath\.random\b/,
    /\bset(?:Timeout|Interval|Immediate)\b/,
    /\bAbortSignal\.timeout\b/,
    /\bcrypto\.(?:getRandomValues|subtle|randomUUID)\b/,
    /\bBuffer\b/,
    /\bprocess\./,
    /\b(?:window|document|localStorage|indexedDB|navigator)\./,
  ]
  const asking = core.filter((file) => file.path !== NATIVE_MODULE)
  expect(asking.flatMap((file) => found(file, forbidden))).toEqual([])
})

test('one file of protocol/ asks for modules of Node, at run time, and no other sees native code', () => {
  const asks = /\b(?:getBuiltinModule|createRequire|require)\b|\bsodium-native\b/
  const asking = core.filter((file) => asks.test(file.code)).map((file) => file.path)
  expect(asking).toEqual([NATIVE_MODULE])
})

test('protocol/ is synchronous', () => {
  const files = core.filter((file) => folderOf(file.path) === 'protocol')
  const others = files.filter((file) => file.path !== PROVIDER) // it waits for libsodium
  expect(others.flatMap((file) => found(file, [/\basync\b/, /\bawait\b/]))).toEqual([])
})

test('secrets are revealed in seven files only', () => {
  const files = sourcesOf(...Object.keys(MAY_IMPORT))
  const revealing = files.filter((file) => /\breveal\s*\(/.test(file.code)).map((file) => file.path)
  const allowed =
    /^protocol\/(?:crypto|session-codec|post-quantum-codec|delivery-token)\.ts$|^node\/own-codec\.ts$|^net\/epoch-codec\.ts$|\/identity-codec\.ts$|^protocol\/secret\.ts$/
  expect(revealing).toContain('protocol/crypto.ts')
  expect(revealing.filter((path) => !allowed.test(path))).toEqual([])
})

/** A comparison of bytes that ends at the first difference, or takes its time from what it compares. */
const EARLY_ENDS: readonly RegExp[] = [
  // An encoding on either side of === or !==.
  /\b(?:toHex|toBase32|btoa|fromCharCode)\((?:[^()]|\([^()]*\))*\)\s*[!=]==/,
  /[!=]==\s*(?:toHex|toBase32|btoa|String\.fromCharCode)\(/,
  /\.(?:join|toString)\((?:'[^']*')?\)\s*[!=]==/,
  /\b(?:decode)\((?:[^()]|\([^()]*\))*\)\s*[!=]==/,
  // Byte by byte.
  /\.(?:every|some|findIndex)\(\(?(?:byte|b|value)\b[^=]*=>[^\n]*[!=]==[^\n]*\[/,
  /\[\w+\]\s*[!=]==\s*[\w.#]+\[\w+\]/,
  /\bBuffer\.compare\b|\bindexedDB\.cmp\b/,
]

test('bytes are compared by equalBytes, in a time that does not tell what they are', () => {
  // Published answers, the name of a record made of a public key, parts of an address.
  const open = ['protocol/known-answers.ts', 'node/own-mailboxes.ts', 'net/throttle.ts']
  const files = core.filter(({ path }) => !open.includes(path))
  expect(files.flatMap((file) => found(file, EARLY_ENDS))).toEqual([])
  const ordering = core.filter(({ code }) => /\bcompareBytes\(/.test(code)).map(({ path }) => path)
  // Public keys, distances in the DHT, and halves of transcripts that both sides state.
  expect(ordering.toSorted()).toEqual([
    'net/dht-shelf.ts',
    'protocol/bytes.ts',
    'protocol/safety-number.ts',
    'protocol/sessions.ts',
  ])
})

test.each([
  'if (toHex(tag) === toHex(other)) open()',
  'return expected !== toHex(tag)',
  'a.length === b.length && a.every((byte, index) => byte === b[index])',
  'for (;;) if (a[i] !== b[i]) return false',
  "return tag.join() === other.join(',')",
  'return tag.toString() === other',
  'return decoder.decode(token) === text',
])('a comparison that ends early is seen: %s', (code) => {
  expect(EARLY_ENDS.some((pattern) => pattern.test(code))).toBe(true)
})

test('there are no default exports, enums, namespaces or switched-off checks', () => {
  const files = sourcesOf(...Object.keys(MAY_IMPORT), 'bench', 'tools', 'test')
    .filter((file) => !file.path.endsWith('.config.ts'))
    .filter((file) => file.path !== 'test/architecture.test.ts')
  const forbidden = [
    /\bexport default\b/,
    /^\s*(?:export )?(?:const )?enum \w/m,
    /^\s*namespace \w/m,
  ]
  expect(files.flatMap((file) => found(file, forbidden))).toEqual([])
})

test('no label is listed twice, and contexts have their eight characters', () => {
  const all = [...labels.none, ...labels.key64, ...labels.key32]
  expect(new Set(all).size).toBe(all.length)
  expect(Object.keys(kdfContexts).every((context) => context.length === 8)).toBe(true)
})

test('each label is used in one file', () => {
  const users = core.filter((file) => file.path !== 'protocol/labels.ts')
  const all = [...labels.none, ...labels.key64, ...labels.key32]
  const repeated = all
    .map((label) => ({ label, files: users.filter((file) => uses(label, file)) }))
    .filter(({ files }) => files.length > 1)
    .map(({ label, files }) => `${label}: ${files.map((file) => file.path).join(', ')}`)
  expect(repeated).toEqual([])
})

test('the reader of sources sees through comments, strings and patterns', () => {
  expect(withoutComments("a // b\n'//c' /* d */ `/* e */` f = /[/*]\"/ // g")).toBe(
    "a  \n'//c'   `/* e */` f = /[/*]\"/  ",
  )
})

function isEdge(file: SourceFile): boolean {
  return EDGES.some((edge) => edge.test(file.path))
}

function folderOf(path: string): string {
  return path.split('/')[0] ?? ''
}

/** Imports that are files of this repository. */
function ownImports(file: SourceFile | undefined): readonly string[] {
  return (file?.imports ?? []).filter((name) => name.endsWith('.ts'))
}

function packagesOf(file: SourceFile | undefined): readonly string[] {
  return (file?.imports ?? []).filter((name) => !name.endsWith('.ts'))
}

function allowedPackages(file: SourceFile): readonly string[] {
  if (file.path === PROVIDER) return [...PROTOCOL_PACKAGES, 'libsodium-wrappers']
  if (CONFIG_FILES.test(file.path)) return [...CORE_PACKAGES, 'smol-toml']
  return folderOf(file.path) === 'protocol' ? PROTOCOL_PACKAGES : CORE_PACKAGES
}

function isPackage(name: string, allowed: string): boolean {
  return name === allowed || name.startsWith(`${allowed}/`)
}

function found(file: SourceFile, patterns: readonly RegExp[]): readonly string[] {
  return patterns
    .filter((pattern) => pattern.test(file.code))
    .map((pattern) => `${file.path}: ${pattern.source}`)
}

/** Whether the file names the label in a call of a hash function. */
function uses(label: string, file: SourceFile): boolean {
  return new RegExp(`\\b(?:hash|keyedHash|deriveSecret)(?:<[^>]*>)?\\([^;]*?'${label}'`).test(
    file.code,
  )
}

/** What a pattern finds in the sources of some folders. */
function namesOf(pattern: RegExp, ...folders: readonly string[]): readonly string[] {
  return sourcesOf(...folders).flatMap(({ code }) =>
    [...code.matchAll(pattern)].map(([, name]) => name ?? ''),
  )
}
