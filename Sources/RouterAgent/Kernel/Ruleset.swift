internal import DNSCore
internal import NTS

/// The text of our one table (design: gates and targets apart, see the comments in it).
///
/// An asker (GN) gets in when a gate knows it: `win4` for a time, `once4` for one flow, which the packet path itself
/// erases. Where it then goes stands in `rc4`. Both have kernel timeouts, `rc4` the longer one. IPv6 needs no
/// translation: `pin6` marks the flow, and the firewall's own forward chain trusts the mark.
struct Ruleset {
    var table: String
    var outside: [String]
    var inside: [String]
    var port: UInt16
    var reserved: [NTS.PortRange]
    /// Beside the firewall's dstnat: negative before it, positive after it.
    var offset: Int
    var mark: UInt32
    var flowsPerPermission: Int
    var entries: Int
    var useGroup: Int
    var snoopGroup: Int
    var icmpGroup: Int
    var observesUpdates: Bool
    /// Servers whose ICMP echoes are notifications.
    var icmpServers: [IPAddress]
    /// Prefixes that may be let in at one time.
    var prefixes = 256
    /// The kernel's helpers for protocols that carry addresses in their payload.
    var helpers: [ConnectionHelper] = []
    /// Whether the table is taken away by the kernel when we are gone.
    ///
    /// False only where the kernel cannot.
    var isOwned = true

    /// Interfaces as a set of nft.
    private func interfaces(_ names: [String]) -> String {
        "{ " + names.map { "\"\($0)\"" }.joined(separator: ", ") + " }"
    }

    private var markText: String { "0x" + String(mark, radix: 16) }

    /// The commands that install it anew.
    var commands: String {
        let out = interfaces(outside)
        let ins = interfaces(inside)
        let size = max(entries * 2, 1024)
        // The kernel counts what has expired until it looks for it, so that a set of just the bound would be full too soon.
        let wide = max(prefixes * 4, 64)
        return """
            table inet \(table) {
                \(isOwned ? "flags owner;" : "")
                map rc4 { type ipv4_addr : ipv4_addr; flags timeout; size \(size); }
                set win4 { type ipv4_addr; flags timeout; size \(size); limit rate 1/day burst \(flowsPerPermission) packets; }
                set once4 { type ipv4_addr; flags dynamic,timeout; size \(size); timeout 30s; }
                map port4 { type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; flags timeout; size \(size); }
                set pin6 { type ipv6_addr . ipv6_addr; flags timeout; size \(size); }
                set wide4 { type ipv4_addr . inet_proto; flags interval,timeout; size \(wide); limit rate 1/day burst \(flowsPerPermission) packets; }
                map wideto4 { type ipv4_addr . inet_proto : ipv4_addr; flags interval,timeout; size \(wide); }
                set wide6 { type ipv6_addr . ipv6_addr; flags interval,timeout; size \(wide); }
                set limited4 { type ipv4_addr; size 65536; }
                set open4 { type ipv4_addr . inet_proto . inet_service; flags interval; }
                set limited6 { type ipv6_addr; size 65536; }
                set open6 { type ipv6_addr . inet_proto . inet_service; flags interval; }
                set revoked4 { type ipv4_addr . ipv4_addr; flags timeout; size 65536; }
                set revoked6 { type ipv6_addr . ipv6_addr; flags timeout; size 65536; }
                set revokedwide4 { type ipv4_addr . ipv4_addr; flags interval,timeout; size \(wide); }
                set revokedwide6 { type ipv6_addr . ipv6_addr; flags interval,timeout; size \(wide); }
                set listening { type inet_proto . inet_service; size 1024; }
                set self { type inet_proto . inet_service; flags interval; auto-merge; elements = { \(selfElements) }; }
            \(helperObjects)
            \(observesUpdates ? snoopChains(ins) : "")
                chain pre_nat {
                    type nat hook prerouting priority dstnat \(sign(offset)); policy accept;
                    meta nfproto != ipv4 return
                    meta l4proto != { tcp, udp } return
                    fib daddr type != local return
                    meta l4proto . th dport @self return
                    meta l4proto . th dport @listening return
                    iifname \(out) jump from_outside
                }
                chain from_outside {
                    ip saddr . meta l4proto . th dport @port4 goto use_port
                    ip saddr @once4 delete @once4 { ip saddr } goto use
                    ip saddr @win4 goto use
                    ip saddr . meta l4proto @wide4 goto use_wide
                    meta l4proto { tcp, udp } limit rate 200/second burst 200 packets log prefix "early" group \(useGroup) queue-threshold 1 snaplen 64
                }
                chain use {
                    ct mark set ct mark or \(markText)
                    limit rate 2000/second burst 2000 packets log group \(useGroup) queue-threshold 1 snaplen 64
            \(helperRules("ip"))
                    dnat ip to ip saddr map @rc4
                }
                chain use_wide {
                    ct mark set ct mark or \(markText)
                    limit rate 2000/second burst 2000 packets log group \(useGroup) queue-threshold 1 snaplen 64
            \(helperRules("ip"))
                    dnat ip to ip saddr . meta l4proto map @wideto4
                }
                chain use_port {
                    ct mark set ct mark or \(markText)
                    limit rate 2000/second burst 2000 packets log group \(useGroup) queue-threshold 1 snaplen 64
                    meta l4proto { tcp, udp } dnat ip addr . port to ip saddr . meta l4proto . th dport map @port4
                }
                chain through {
                    type filter hook forward priority filter - 10; policy accept;
                    ip saddr . ip daddr @revoked4 goto revoked
                    ip6 saddr . ip6 daddr @revoked6 goto revoked
                    ip saddr . ip daddr @revokedwide4 goto revoked
                    ip6 saddr . ip6 daddr @revokedwide6 goto revoked
                    iifname \(out) ct state new ct mark and \(markText) == 0 ip6 saddr . ip6 daddr @pin6 jump use_pinhole
                    iifname \(out) ct state new ct mark and \(markText) == 0 ip6 saddr . ip6 daddr @wide6 jump use_pinhole
                    ct state new ct mark and \(markText) == \(markText) ip daddr @limited4 ip daddr . meta l4proto . th dport != @open4 drop
                    ct state new ct mark and \(markText) == \(markText) ip6 daddr @limited6 ip6 daddr . meta l4proto . th dport != @open6 drop
                }
                chain revoked {
                    meta l4proto tcp reject with tcp reset
                    drop
                }
                chain use_pinhole {
                    ct mark set ct mark or \(markText)
            \(helperRules("ip6"))
                    limit rate 2000/second burst 2000 packets log group \(useGroup) queue-threshold 1 snaplen 64
                }
            \(icmpServers.isEmpty ? "" : icmpChain(out))
            }

            """
    }

    /// The command that takes it away.
    var removal: String { "delete table inet \(table)\n" }

    private var selfElements: String {
        let own = [NTS.PortRange(transport: 17, ports: port...port)] + reserved
        return own.map(\.nftText).joined(separator: ", ")
    }

    /// Requests from inside as they arrive, before translation; responses as they leave for the inside, after it.
    private func snoopChains(_ ins: String) -> String {
        """
            chain snoop {
                type filter hook prerouting priority mangle; policy accept;
                iifname \(ins) udp dport 53 @th,80,8 & 0xf8 == 0x28 log group \(snoopGroup) queue-threshold 1
                iifname \(ins) tcp dport 53 ct direction original ct original packets < 64 log group \(snoopGroup) queue-threshold 1
            }
            chain snoop_responses {
                type filter hook postrouting priority mangle; policy accept;
                oifname \(ins) udp sport 53 @th,80,8 & 0xf8 == 0xa8 log group \(snoopGroup) queue-threshold 1
                oifname \(ins) tcp sport 53 ct direction reply ct reply packets < 64 log group \(snoopGroup) queue-threshold 1
            }
        """
    }

    /// Echo requests with the TSN length and header from listed servers; everybody else's ping is the kernel's.
    private func icmpChain(_ out: String) -> String {
        let servers = icmpServers.filter(\.isIPv4).map(\.description).joined(separator: ", ")
        let match =
            "iifname \(out) ip saddr { \(servers) } icmp type echo-request ip length 100 @th,64,8 1 @th,88,8 0"
        return """
                chain icmp_note {
                    type filter hook input priority filter - 10; policy accept;
                    \(match) limit rate 2000/second burst 2000 packets log group \(icmpGroup) queue-threshold 1
                    \(match) drop
                }
            """
    }

    /// A helper belongs to one family and protocol.
    private var helperObjects: String {
        helpers.flatMap { helper in
            [("ip", "4"), ("ip6", "6")].map { family, suffix in
                "    ct helper \(helper.kind.rawValue)\(suffix) { type \"\(helper.kind.rawValue)\" protocol \(helper.transportText); l3proto \(family); }"
            }
        }.joined(separator: "\n")
    }

    /// Gives a flow that we let in the helper of its port: never any other flow.
    private func helperRules(_ family: String) -> String {
        helpers.map { helper in
            let ports = helper.ports.map(String.init).joined(separator: ", ")
            return
                "        meta nfproto \(family == "ip" ? "ipv4" : "ipv6") \(helper.transportText) dport { \(ports) } ct helper set \"\(helper.kind.rawValue)\(family == "ip" ? "4" : "6")\""
        }.joined(separator: "\n")
    }

    private func sign(_ value: Int) -> String { value < 0 ? "- \(-value)" : "+ \(value)" }
}

extension NTS.PortRange {
    /// `tcp . 80` or `udp . 5000-5100`.
    var nftText: String {
        let name = transport == 17 ? "udp" : "tcp"
        let ends = ports.count == 1 ? "\(ports.lowerBound)" : "\(ports.lowerBound)-\(ports.upperBound)"
        return "\(name) . \(ends)"
    }
}
