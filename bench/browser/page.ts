/** What runs in the page: the one-way job of those subjects that a browser can load. */
import { oneWay } from '../ratchet/jobs.ts'
import { sottoSubject } from '../ratchet/sotto.ts'
import type { Subject } from '../ratchet/subject.ts'

/** Served beside this page; plain JavaScript, as in Node. */
const ADAPTERS = '/bench/peers'

const loaded = new Map<string, Promise<Subject>>()

/** Messages of 32 bytes per second; `subject` is `sotto` or names an adapter. */
export async function oneWay32(subject: string): Promise<number> {
  const loading = loaded.get(subject) ?? load(subject)
  loaded.set(subject, loading)
  return oneWay(await loading, 32)
}

async function load(name: string): Promise<Subject> {
  if (name === 'sotto') return sottoSubject('sotto')
  const module = (await import(/* @vite-ignore */ `${ADAPTERS}/${name}.mjs`)) as {
    readonly subject: Subject
  }
  return module.subject
}
