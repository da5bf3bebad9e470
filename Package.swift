// swift-tools-version: 6.2
import PackageDescription

// The target list is the architecture: a module may depend only on modules above it, and
// `--explicit-target-dependency-import-check error` (used by every script here) makes an undeclared
// import a compile error. `Restore/` never depends on `Capture`.

let swiftSettings: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
  .strictMemorySafety(),
  .treatAllWarnings(as: .error),
]

func module(_ name: String, in folder: String = "Sources", _ dependencies: Target.Dependency...)
  -> Target
{
  .target(
    name: name, dependencies: dependencies, path: "\(folder)/\(name)", swiftSettings: swiftSettings)
}

func tests(_ name: String, excluding: [String] = [], _ dependencies: Target.Dependency...)
  -> Target
{
  .testTarget(
    name: name, dependencies: dependencies, path: "Tests/\(name)", exclude: excluding,
    swiftSettings: swiftSettings)
}

let argumentParser = Target.Dependency.product(
  name: "ArgumentParser", package: "swift-argument-parser")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let subprocess = Target.Dependency.product(name: "Subprocess", package: "swift-subprocess")
let systemPackage = Target.Dependency.product(name: "SystemPackage", package: "swift-system")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")

let package = Package(
  name: "lifeboat",
  products: [.executable(name: "lifeboat", targets: ["lifeboat"])],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2"),
  ],
  targets: [
    // C libraries: module map and shim, nothing else.
    .systemLibrary(
      name: "CSodium", path: "Sources/CSodium", pkgConfig: "libsodium",
      providers: [.apt(["libsodium-dev"])]),
    .systemLibrary(
      name: "CZstd", path: "Sources/CZstd", pkgConfig: "libzstd",
      providers: [.apt(["libzstd-dev"])]),
    .systemLibrary(
      name: "CLibpq", path: "Sources/CLibpq", pkgConfig: "libpq",
      providers: [.apt(["libpq-dev"])]),
    .target(name: "CLinux", path: "Sources/CLinux"),
    .target(name: "CChunker", path: "Sources/CChunker"),

    // Safe wrappers: the only modules that say `unsafe`.
    module("Sodium", "CSodium"),
    module("Zstd", "CZstd"),
    module("Files", "CLinux"),
    module("Postgres", "CLibpq"),
    module("Programs", subprocess, systemPackage),
    module("Workers"),
    // A private PostgreSQL server in a temporary folder: what a drill restores into.
    module("Cluster", "Postgres", "Programs", "Files"),

    // The repository: bytes, places, meaning.
    module("Format", "Sodium"),
    module("Chunking", "CChunker"),
    module("Storage", "Format", "Files"),
    module("Repository", "Storage", "Format", "Chunking", "Sodium", "Zstd", "Files", "Workers"),

    // What a database holds, as its own catalogs tell it: read at capture and again by a drill.
    module("Inventory", "Postgres", "Format", "Sodium"),

    module(
      "Capture", "Repository", "Inventory", "Postgres", "Programs", "Files", "Format", "Chunking",
      "Workers"),

    // Recovery: complete without anything of Capture.
    module(
      "Replay", in: "Restore", "Repository", "Inventory", "Postgres", "Programs", "Files", "Format",
      "Workers"),
    module(
      "Drill", in: "Restore", "Replay", "Repository", "Inventory", "Cluster", "Postgres",
      "Programs",
      "Files", "Format", "Workers"),

    module("Configuration", yams),
    module("Operations", "Configuration"),

    .executableTarget(
      name: "lifeboat",
      dependencies: [
        "Capture", "Replay", "Drill", "Repository", "Storage", "Format", "Inventory", "Cluster",
        "Postgres", "Programs", "Files", "Workers", "Sodium", "Configuration", "Operations",
        argumentParser,
        logging,
      ],
      path: "Sources/lifeboat", swiftSettings: swiftSettings),

    // Tests: one suite per module, and EndToEnd against real servers.
    .target(
      name: "TestSupport", dependencies: ["Cluster", "Postgres", "Programs", "Files"],
      path: "Tests/TestSupport", swiftSettings: swiftSettings),
    .target(
      name: "MediaSupport",
      dependencies: [
        "Capture", "Repository", "Storage", "Format", "Files", "Workers", "TestSupport",
      ],
      path: "Tests/MediaSupport", swiftSettings: swiftSettings),
    // The parsers of hostile bytes: tried with a few mutations by the tests, with many by Scripts/fuzz.
    .target(
      name: "FuzzTargets",
      dependencies: [
        "Capture", "Replay", "Repository", "Format", "Sodium", "Zstd", "Configuration",
      ],
      path: "Tests/FuzzTargets", swiftSettings: swiftSettings),
    tests("FuzzTests", excluding: ["corpus"], "FuzzTargets"),
    tests("SodiumTests", "Sodium"),
    tests("ZstdTests", "Zstd"),
    tests("FilesTests", "Files", "TestSupport"),
    tests("PostgresTests", "Postgres", "Programs", "TestSupport"),
    tests("WorkersTests", "Workers"),
    tests("ClusterTests", "Cluster", "Postgres", "Programs", "Files", "TestSupport"),
    tests(
      "FormatTests", excluding: ["format-vectors.txt", "make-format-vectors.py"], "Format", "Sodium"
    ),
    tests("ChunkingTests", excluding: ["chunk-vectors.txt", "make-chunk-vectors.py"], "Chunking"),
    tests("StorageTests", "Storage", "Format", "Files", "TestSupport"),
    tests(
      "RepositoryTests", "Repository", "Storage", "Format", "Sodium", "Files", "Workers",
      "TestSupport"),
    tests("InventoryTests", "Inventory", "Postgres", "TestSupport", "Format", "Sodium"),
    tests(
      "CaptureTests", "Capture", "Repository", "Storage", "Format", "Files", "Postgres",
      "Inventory", "Workers", "Sodium", "Programs", "MediaSupport", "TestSupport"),
    tests(
      "ReplayTests", "Replay", "Capture", "Repository", "Storage", "Format", "Files", "Postgres",
      "Inventory", "Workers", "Sodium", "Programs", "MediaSupport", "TestSupport"),
    tests(
      "DrillTests", "Drill", "Replay", "Capture", "Repository", "Storage", "Format", "Files",
      "Postgres", "Inventory", "Cluster", "Workers", "Sodium", "Programs", "TestSupport"),
    tests("ConfigurationTests", "Configuration"),
    tests("OperationsTests", "Operations", "Configuration"),
    tests("EndToEnd", "Postgres", "Programs", "Files", "TestSupport", "Configuration"),
  ],
  swiftLanguageModes: [.v6]
)

// libFuzzer brings a main function of its own, which an ordinary build has no use for.
if Context.environment["LIFEBOAT_FUZZER"] != nil {
  package.targets.append(
    .executableTarget(
      name: "Fuzzer", dependencies: ["FuzzTargets"], path: "Tests/Fuzzer", exclude: ["README.md"],
      swiftSettings: swiftSettings))
}
