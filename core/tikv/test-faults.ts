/** For tests: connections that lose what they are told to, and a client that dies at a point. */
import { CallError, type Channel } from './channel.ts'

type Fault = 'loseRequest' | 'loseAnswer' | 'dieBefore' | 'dieAfter'

interface Planned {
  readonly fault: Fault
  readonly method: string
  left: number
}

export class Faults {
  readonly #planned: Planned[] = []
  #dead = false

  /** For TxnClient's options. */
  readonly wrap = (channel: Channel): Channel => this.#wrap(channel)

  /** At the `nth` request of that method from now on, such as `KvCommit`. */
  plan(fault: Fault, method: string, nth = 1): void {
    this.#planned.push({ fault, method, left: nth })
  }

  get isDead(): boolean {
    return this.#dead
  }

  #wrap(channel: Channel): Channel {
    return {
      address: channel.address,
      open: (method, events) => channel.open(method, events),
      close: () => channel.close(),
      call: async (method, request, timeoutMs, token) => {
        this.#live()
        const fault = this.#due(method.slice(method.lastIndexOf('/') + 1))
        if (fault === 'dieBefore') this.#dead = true
        this.#live()
        if (fault === 'loseRequest') throw CallError.because(channel.address, 'lost by the test')
        const answer = await channel.call(method, request, timeoutMs, token)
        if (fault === 'dieAfter') this.#dead = true
        this.#live()
        if (fault === 'loseAnswer') throw CallError.because(channel.address, 'lost by the test')
        return answer
      },
    }
  }

  #live(): void {
    if (this.#dead) throw new Error('this client is dead')
  }

  #due(method: string): Fault | undefined {
    const planned = this.#planned.find((one) => one.method === method)
    if (planned === undefined || --planned.left > 0) return undefined
    this.#planned.splice(this.#planned.indexOf(planned), 1)
    return planned.fault
  }
}
