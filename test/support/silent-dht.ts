// Loaded before a program of ours (node --import): its DHT takes records and never answers who asks for one. Reaches into
// kad-dht, which has no setting for bad manners.
const folder = import.meta.resolve('@libp2p/kad-dht').replace(/\/dist\/.*$/, '')
const module = (await import(`${folder}/dist/src/rpc/handlers/get-value.js`)) as {
  readonly GetValueHandler: { readonly prototype: object }
}
Reflect.set(module.GetValueHandler.prototype, 'handle', () => new Promise(() => undefined))
