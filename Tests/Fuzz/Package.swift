// swift-tools-version: 6.2
import PackageDescription

// Fuzz targets of libFuzzer, apart from the main package so that its builds stay clean. `run.sh` builds and runs them.
// `Sources` is a link to the rooms, so that `package` declarations are in reach.

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6), .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
]

func room(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

let package = Package(
    name: "torii-fuzz",
    products: [.library(name: "FuzzTargets", type: .static, targets: ["FuzzTargets"])],
    dependencies: [
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    ],
    targets: [
        .systemLibrary(name: "CLDNS"),
        .target(name: "CShims"),
        room("DNSCore", ["CLDNS", "CShims"]),
        room("DNSSecurity", ["DNSCore", "CShims"]),
        room("NTS", ["DNSCore", "DNSSecurity"]),
        room(
            "Operations",
            [.product(name: "Yams", package: "Yams"), .product(name: "Logging", package: "swift-log")]),
        .target(
            name: "FuzzTargets", dependencies: ["DNSCore", "DNSSecurity", "NTS", "Operations"],
            path: "Targets",
            swiftSettings: settings),
    ]
)
