// swift-tools-version: 6.2
import PackageDescription

// Torii: an authoritative and recursive DNS server with NAT-Traversal Support.
//
// The house: who may import whom is the `dependencies:` of each target below, and `Tests/HouseTests` checks that
// every `import` line in `Sources` agrees with it.

/// The settings every Swift target shares.
let houseSettings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
    // The rooms are one program: let the optimiser see across them.
    .unsafeFlags(
        ["-cross-module-optimization", "-enforce-exclusivity=unchecked"], .when(configuration: .release)),
]

func room(_ name: String, _ dependencies: [Target.Dependency], exclude: [String] = []) -> Target {
    .target(name: name, dependencies: dependencies, exclude: exclude, swiftSettings: houseSettings)
}

func program(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .executableTarget(name: name, dependencies: dependencies, swiftSettings: houseSettings)
}

/// Tests go without strict memory safety: the expansions of `#expect` cannot be marked.
func tests(_ name: String, _ dependencies: [Target.Dependency], excluding exclude: [String] = []) -> Target {
    .testTarget(
        name: name, dependencies: dependencies, exclude: exclude,
        swiftSettings: [
            .swiftLanguageMode(.v6), .enableUpcomingFeature("ExistentialAny"),
            .enableUpcomingFeature("MemberImportVisibility"),
            .enableUpcomingFeature("InternalImportsByDefault"),
            .treatAllWarnings(as: .error),
        ])
}

let yams = Target.Dependency.product(name: "Yams", package: "Yams")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let nioTLS = Target.Dependency.product(name: "NIOTLS", package: "swift-nio")
let nioHTTP2 = Target.Dependency.product(name: "NIOHTTP2", package: "swift-nio-http2")

let package = Package(
    name: "torii",
    products: [
        .executable(name: "toriid", targets: ["toriid"]),
        .executable(name: "torii-router", targets: ["torii-router"]),
        .executable(name: "toriictl", targets: ["toriictl"]),
    ],
    dependencies: [
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-http2", from: "1.46.0"),
    ],
    targets: [
        .systemLibrary(name: "CLDNS", providers: [.apt(["libldns-dev"])]),
        .systemLibrary(name: "CNftables", providers: [.apt(["libnftables-dev"])]),
        .target(name: "CShims", linkerSettings: [.linkedLibrary("ssl"), .linkedLibrary("crypto")]),

        room("DNSCore", ["CLDNS", "CShims"]),
        room("DNSSecurity", ["DNSCore", "CShims"]),
        room("Operations", [yams, logging]),
        room("Transport", ["CShims", "Operations", nioCore, nioPosix, nioHTTP1, nioTLS, nioHTTP2]),
        room("Authority", ["DNSCore", "DNSSecurity", "Operations", grdb]),
        room("Resolver", ["DNSCore", "DNSSecurity", "Operations", "CShims"]),
        room("NTS", ["DNSCore", "DNSSecurity"]),
        room(
            "Server", ["Authority", "Resolver", "NTS", "Transport", "DNSCore", "DNSSecurity", "Operations"],
            exclude: ["Plugins/NTS/README.md"]),
        room(
            "RouterAgent",
            ["NTS", "Transport", "Operations", "DNSCore", "DNSSecurity", "CShims", "CNftables"]),

        program("toriid", ["Server", "Operations", arguments]),
        program("torii-router", ["RouterAgent", "Operations", arguments]),
        program("toriictl", ["Operations", arguments]),

        tests("HouseTests", []),
        tests("DNSCoreTests", ["DNSCore"]),
        tests("DNSSecurityTests", ["DNSSecurity", "DNSCore"]),
        tests("OperationsTests", ["Operations"]),
        tests("TransportTests", ["Transport", "Operations"]),
        tests("AuthorityTests", ["Authority", "DNSCore", "DNSSecurity", "Operations"]),
        tests("ResolverTests", ["Resolver", "DNSCore", "DNSSecurity", "Operations"]),
        tests("NTSTests", ["NTS", "DNSCore", "DNSSecurity"]),
        tests(
            "ServerTests",
            ["Server", "Authority", "Resolver", "NTS", "Transport", "DNSCore", "DNSSecurity", "Operations"]),
        tests(
            "RouterAgentTests", ["RouterAgent", "NTS", "Transport", "DNSCore", "DNSSecurity", "Operations"]),
        tests("SystemTests", [], excluding: ["Attacks", "Lab", "Scenarios"]),
    ]
)
