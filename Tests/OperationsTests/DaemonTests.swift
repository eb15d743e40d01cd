import Foundation
import Testing

@testable import Operations

@Suite struct DaemonTests {
    @Test("The service manager is told in its own words")
    func notify() throws {
        let path = "/tmp/torii-notify-\(UUID().uuidString.prefix(8))"
        defer { unlink(path) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
        let receiver = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        defer { close(receiver) }
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(receiver, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try #require(bound == 0)
        func received() -> String {
            var octets = [UInt8](repeating: 0, count: 512)
            let count = recv(receiver, &octets, octets.count, Int32(MSG_DONTWAIT))
            return String(decoding: octets.prefix(max(0, count)), as: UTF8.self)
        }
        #expect(ServiceManager.notify(.ready, path: path))
        #expect(received() == "READY=1")
        #expect(ServiceManager.notify(.status("two\nlines"), path: path))
        #expect(received() == "STATUS=two lines")
        #expect(ServiceManager.notify(.reloading, path: path))
        #expect(received().hasPrefix("RELOADING=1\nMONOTONIC_USEC="))
        #expect(!ServiceManager.notify(.ready, path: "/nonexistent/notify"))
        #expect(!ServiceManager.notify(.ready, path: String(repeating: "x", count: 200)))
    }

    @Test("Directories are made with those above them")
    func directories() {
        let root = NSTemporaryDirectory() + "torii-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: root) }
        #expect(Directories.make(root + "/a/b", mode: 0o700) == 0)
        #expect(Directories.make(root + "/a/b") == 0)
        var status = stat()
        #expect(stat(root + "/a/b", &status) == 0 && status.st_mode & 0o777 == 0o700)
        Directories.make(forFileAt: root + "/c/file")
        #expect(FileManager.default.fileExists(atPath: root + "/c"))
        #expect(FileManager.default.createFile(atPath: root + "/file", contents: nil))
        #expect(Directories.make(root + "/file") == ENOTDIR)
    }

    @Test("An account that is not there is an error before anything changes")
    func unknownAccount() {
        #expect(throws: Privileges.Failure.unknownUser("no-such-account")) {
            try Privileges.drop(to: "no-such-account")
        }
        #expect(throws: Never.self) { try Privileges.drop(to: nil) }
        #expect((try? Privileges.account(named: "root"))?.user == 0)
    }

    @Test("Files may be opened, and their number only rises")
    func openFiles() {
        let before = ResourceLimits.raiseOpenFiles(to: 0)
        #expect(before > 0)
        #expect(ResourceLimits.raiseOpenFiles(to: 16) >= before)
    }
}
