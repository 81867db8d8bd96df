// A file system in memory that no other program sees: in a mount namespace that ends with the processes in it. It can be filled up, be
// made read-only, and be made good again.
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, statfs } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { ChildProcess } from 'node:child_process'

const run = promisify(execFile)

/** Says when it is there, and keeps it until its input ends. Arguments: folder, bytes. */
const HOLD = 'mount -t tmpfs -o "size=$1,mode=0700" sotto-test "$0" && echo there && exec cat'

export class SmallDisk {
  /** Where the programs that are started through it find it. */
  readonly dir: string
  readonly #second: string
  readonly #holder: ChildProcess

  private constructor(dir: string, second: string, holder: ChildProcess) {
    this.dir = dir
    this.#second = second
    this.#holder = holder
  }

  static async make(bytes: number): Promise<SmallDisk> {
    const dir = await mkdtemp(join(tmpdir(), 'sotto-small-'))
    const second = await mkdtemp(join(tmpdir(), 'sotto-second-'))
    const options = ['--mount', '--propagation', 'private', 'sh', '-c', HOLD, dir, `${bytes}`]
    const holder = spawn('unshare', options, { stdio: ['pipe', 'pipe', 'inherit'] })
    const ended = once(holder, 'exit').then(([code]) => {
      throw new Error(`no file system: ${String(code)}`)
    })
    await Promise.race([once(holder.stdout, 'data'), ended])
    ended.catch(() => undefined)
    return new SmallDisk(dir, second, holder)
  }

  /** Begins the command line of a program that is to see it. */
  get through(): readonly string[] {
    return ['nsenter', `--mount=/proc/${this.#holder.pid}/ns/mnt`]
  }

  /** Bytes that are free. */
  async free(): Promise<number> {
    const { bavail, bsize } = await statfs(`/proc/${this.#holder.pid}/root${this.dir}`)
    return bavail * bsize
  }

  /** Takes away what is free, but for so many bytes. */
  async shrink(left: number): Promise<void> {
    const { blocks, bavail, bsize } = await statfs(`/proc/${this.#holder.pid}/root${this.dir}`)
    await this.resize((blocks - bavail) * bsize + left)
  }

  async resize(bytes: number): Promise<void> {
    await this.#mount('-o', `remount,size=${bytes}`, this.dir)
  }

  /** What is opened from now on cannot be written. */
  async makeReadOnly(): Promise<void> {
    // Elsewhere first: the system refuses where somebody is writing.
    await this.#mount('--bind', this.dir, this.#second)
    await this.#mount('-o', 'remount,bind,ro', this.#second)
    await this.#mount('--move', this.#second, this.dir)
  }

  async makeWritable(): Promise<void> {
    await this.#run('umount', '--lazy', this.dir)
  }

  async end(): Promise<void> {
    const exit = once(this.#holder, 'exit')
    this.#holder.stdin?.end()
    await exit
    for (const dir of [this.dir, this.#second]) await rm(dir, { recursive: true, force: true })
  }

  async #mount(...args: readonly string[]): Promise<void> {
    await this.#run('mount', ...args)
  }

  async #run(...command: readonly string[]): Promise<void> {
    const [program = '', ...args] = [...this.through, ...command]
    await run(program, args)
  }
}
