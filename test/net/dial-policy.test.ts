import { describe, expect, test } from 'vitest'
import { ipv4Scope, ipv6Scope } from '../../net/address-scope.ts'
import { dialPolicy, scopeOf } from '../../net/dial-policy.ts'

const PEER = '12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN'

test.each([
  ['1.1.1.1', 'public'],
  ['9.255.255.255', 'public'],
  ['10.0.0.0', 'private'],
  ['10.255.255.255', 'private'],
  ['11.0.0.0', 'public'],
  ['100.63.255.255', 'public'],
  ['100.64.0.0', 'private'],
  ['100.127.255.255', 'private'],
  ['100.128.0.0', 'public'],
  ['127.0.0.1', 'loopback'],
  ['127.255.255.255', 'loopback'],
  ['169.254.169.254', 'link-local'],
  ['169.255.0.0', 'public'],
  ['172.15.255.255', 'public'],
  ['172.16.0.0', 'private'],
  ['172.31.255.255', 'private'],
  ['172.32.0.0', 'public'],
  ['192.168.1.1', 'private'],
  ['192.169.0.0', 'public'],
  ['192.0.0.8', 'never'],
  ['198.19.255.255', 'private'],
  ['198.20.0.0', 'public'],
  ['0.0.0.0', 'never'],
  ['0.1.2.3', 'never'],
  ['223.255.255.255', 'public'],
  ['224.0.0.251', 'never'],
  ['239.255.255.255', 'never'],
  ['240.0.0.1', 'never'],
  ['255.255.255.255', 'never'],
  ['256.1.1.1', 'never'],
  ['1.1.1', 'never'],
  ['', 'never'],
])('IPv4 %s is %s', (text, scope) => {
  expect(ipv4Scope(text)).toBe(scope)
})

test.each([
  ['2606:4700::1111', 'public'],
  ['2001:4860:4860::8888', 'public'],
  ['::1', 'loopback'],
  ['0:0:0:0:0:0:0:1', 'loopback'],
  ['::', 'never'],
  ['::2', 'never'],
  ['::7f00:1', 'never'],
  ['fc00::1', 'private'],
  ['fdff:ffff::1', 'private'],
  ['fe00::1', 'public'],
  ['fe80::1', 'link-local'],
  ['febf::1', 'link-local'],
  ['fec0::1', 'private'],
  ['ff02::fb', 'never'],
  ['100::1', 'never'],
  ['2001:0:1::1', 'never'],
  ['::ffff:127.0.0.1', 'loopback'],
  ['::ffff:7f00:1', 'loopback'],
  ['::FFFF:C0A8:101', 'private'],
  ['::ffff:8.8.8.8', 'public'],
  ['::ffff:0.0.0.0', 'never'],
  ['64:ff9b::10.0.0.1', 'private'],
  ['2002:c0a8:101::1', 'private'],
  ['2002:808:808::1', 'public'],
  ['1::2::3', 'never'],
  ['1:2:3:4:5:6:7', 'never'],
  ['1:2:3:4:5:6:7:8:9', 'never'],
  ['12345::1', 'never'],
  ['::ffff:1.2.3.400', 'never'],
  ['::ffff:1.2.3', 'never'],
  ['g::1', 'never'],
])('IPv6 %s is %s', (text, scope) => {
  expect(ipv6Scope(text)).toBe(scope)
})

test.each([
  ['/ip4/1.1.1.1/tcp/4001', 'public'],
  [`/ip4/1.1.1.1/tcp/443/tls/ws/p2p/${PEER}`, 'public'],
  ['/ip4/127.0.0.1/tcp/22', 'loopback'],
  ['/ip6/::ffff:127.0.0.1/tcp/22', 'loopback'],
  ['/ip6zone/eth0/ip6/fe80::1/tcp/4001', 'link-local'],
  ['/ip4/1.1.1.1/tcp/0', 'never'],
  ['/ip4/1.1.1.1', 'never'],
  ['/ip4/1.1.1.1/udp/4001/quic-v1', 'never'],
  [`/ip4/1.1.1.1/tcp/1/p2p/${PEER}/p2p-circuit`, 'never'],
  ['/ip4/1.1.1.1/tcp/1/ip4/10.0.0.1/tcp/22', 'never'],
  ['/unix/%2Ftmp%2Fsocket', 'never'],
  ['/dns4/mailbox.example/tcp/443/wss', 'public'],
  ['/dnsaddr/bootstrap.example', 'public'],
  ['/dnsaddr/bootstrap.example/tcp/1', 'never'],
  ['/dns/localhost/tcp/1', 'loopback'],
  ['/dns4/a.LOCALHOST./tcp/1', 'loopback'],
  ['/dns4/router/tcp/80', 'private'],
  ['/dns4/printer.local/tcp/80', 'private'],
  ['/dns4/nas.home.arpa/tcp/80', 'private'],
  ['/dns4/10.0.0.1/tcp/80', 'never'],
  ['/dns4/0x7f000001/tcp/80', 'never'],
  ['/dns4/2130706433/tcp/80', 'never'],
  ['', 'never'],
  ['what is this', 'never'],
])('%s leads to %s', (address, scope) => {
  expect(scopeOf(address)).toBe(scope)
})

describe('what is learnt from others', () => {
  const PRIVATE = '/ip4/192.168.1.1/tcp/80'
  const LINK = '/ip4/169.254.1.1/tcp/80'
  const LOOPBACK = '/ip4/127.0.0.1/tcp/80'
  const PUBLIC = '/ip4/1.1.1.1/tcp/80'
  const all = [PUBLIC, PRIVATE, LINK, LOOPBACK]

  test.each([
    ['nothing', { listen: [] }, [PUBLIC]],
    ['on all interfaces', { listen: ['/ip4/0.0.0.0/tcp/0', '/ip6/::/tcp/0'] }, [PUBLIC]],
    ['on a private address', { listen: ['/ip4/10.1.2.3/tcp/4001'] }, [PUBLIC, PRIVATE]],
    ['on its own machine, at any port', { listen: ['/ip4/127.0.0.1/tcp/0'] }, [PUBLIC, LOOPBACK]],
    ['and looks at the local network', { listen: [], lan: true }, [PUBLIC, PRIVATE, LINK]],
    ['and tells others', { listen: [], announce: [PRIVATE] }, [PUBLIC, PRIVATE]],
    ['and begins at', { listen: [], bootstrap: [LOOPBACK] }, [PUBLIC, LOOPBACK]],
  ])('of a node that listens %s', (_, init, dialled) => {
    const { mayDial } = dialPolicy(init)
    expect(all.filter(mayDial)).toEqual(dialled)
  })

  test('what is never dialled is not, whoever listens there', () => {
    const { mayDial } = dialPolicy({ listen: ['/ip4/0.0.0.0/tcp/1'], bootstrap: [], lan: true })
    for (const address of ['/ip4/0.0.0.0/tcp/1', '/ip4/224.0.0.1/tcp/1', '/ip4/1.1.1.1/tcp/0']) {
      expect(mayDial(address)).toBe(false)
    }
  })

  test('what the user has given is dialled, at that port, whoever is there', () => {
    const policy = dialPolicy({ listen: [] })
    policy.permit([PRIVATE, 'what is this'])
    expect(policy.mayDial(PRIVATE)).toBe(true)
    expect(policy.mayDial(`${PRIVATE}/p2p/${PEER}`)).toBe(true)
    expect(policy.mayDial('/ip4/192.168.1.1/tcp/81')).toBe(false)
    expect(policy.mayDial('/ip4/192.168.1.2/tcp/80')).toBe(false)
    expect(policy.mayDial('what is this')).toBe(false)
  })
})
