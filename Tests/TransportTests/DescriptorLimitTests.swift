import Glibc
import Testing

@testable import Transport

@Suite("Few descriptors")
struct DescriptorLimitTests {
    @Test("Out of descriptors, UDP goes on, waiting clients are turned away, and accepting resumes later")
    func exhaustion() async {
        await #expect(processExitsWith: .success) {
            var few = rlimit(rlim_cur: 64, rlim_max: 64)
            guard setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &few) == 0 else { exit(10) }
            let loop = try EventLoop()
            let handler = ScriptedHandler()
            let datagrams = try ListeningSocket.open(loopback(), stream: false, count: 1)[0]
            let streams = try ListeningSocket.open(loopback(), stream: true, count: 1)[0]
            let udp = try UDPListener(datagrams, on: loop, handler: handler)
            var limits = StreamLimits()
            limits.acceptPause = .milliseconds(10)
            let tcp = try StreamListener(streams, on: loop, handler: handler, limits: limits)
            let upstream = UpstreamSockets(on: loop, handler: RecordingUpstream())

            let asking = TestClient(udp: loopback())
            var clients: [TestClient] = []
            while clients.last?.descriptor != -1 { clients.append(TestClient(tcp: tcp.socket.address)) }
            guard loop.turn(until: { tcp.statistics.acceptFailures > 0 }) else { exit(11) }
            asking.send([1, 2, 3], to: udp.socket.address)
            guard loop.turn(until: { asking.receive() == [1, 2, 3] }) else { exit(12) }
            let refused = [UInt8(1)].withUnsafeBytes {
                upstream.send($0, to: udp.socket.address, timeout: .seconds(1), tag: 0)
            }
            guard refused == nil, upstream.statistics.exhausted == 1 else { exit(13) }
            guard loop.turn(until: { clients.contains { $0.descriptor >= 0 && $0.receive() == [] } }) else {
                exit(14)
            }

            clients = []
            // Those that waited in the kernel's queue are accepted first, and found to have gone.
            guard loop.turn(until: { tcp.statistics.accepted > 20 && tcp.statistics.open == 0 }) else {
                exit(15)
            }
            let late = TestClient(tcp: tcp.socket.address)
            late.write(framed([7]))
            guard loop.turn(until: { late.receive().map(unframed) == [[7]] }) else { exit(16) }
            exit(0)
        }
    }
}
