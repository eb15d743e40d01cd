import Foundation
import Glibc

@testable import Transport

/// A self-signed certificate for 127.0.0.1, made once with openssl.
struct TestCertificate {
    let folder: URL
    var certificate: String { folder.appendingPathComponent("certificate.pem").path }
    var key: String { folder.appendingPathComponent("key.pem").path }
    var identity: SecureIdentity { SecureIdentity(certificateFile: certificate, keyFile: key) }

    init() throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("torii-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let tool = try Tool(
            "openssl",
            [
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
                "2",
                "-subj", "/CN=ns.example.net", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key,
                "-out",
                certificate,
            ])
        tool.process.waitUntilExit()
    }

    func remove() { try? FileManager.default.removeItem(at: folder) }
}

/// A program that runs beside the test.
final class Tool {
    let process = Process()
    private let input = Pipe()
    private let output: URL

    init(_ name: String, _ arguments: [String]) throws {
        output = FileManager.default.temporaryDirectory.appendingPathComponent(
            "torii-\(UUID().uuidString).out")
        _ = FileManager.default.createFile(atPath: output.path, contents: nil)
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [name] + arguments
        process.standardInput = input
        process.standardOutput = try FileHandle(forWritingTo: output)
        process.standardError = FileHandle.nullDevice
        try process.run()
    }

    deinit {
        if process.isRunning { kill() }
        try? FileManager.default.removeItem(at: output)
    }

    func write(_ octets: [UInt8]) { try? input.fileHandleForWriting.write(contentsOf: Data(octets)) }
    func finishWriting() { try? input.fileHandleForWriting.close() }
    var received: [UInt8] { [UInt8]((try? Data(contentsOf: output)) ?? Data()) }
    var isRunning: Bool { process.isRunning }
    func kill() { _ = Glibc.kill(process.processIdentifier, SIGKILL) }
}
