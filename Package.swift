// swift-tools-version: 6.1
import PackageDescription

let package = Package(
    name: "gravlax",
    products: [
        .executable(name: "gravlax", targets: ["GravlaxCLI"]),
        .library(name: "Gravlax", targets: ["Gravlax"]),
        .library(name: "GravlaxHeap", targets: ["GravlaxHeap"]),
        .library(name: "GravlaxObserve", targets: ["GravlaxObserve"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0")
    ],
    targets: [
        // Header-only: what Swift cannot say (prefetch, cpu pause).
        .target(name: "CGravlaxShims"),
        .target(name: "GravlaxHeap", dependencies: ["CGravlaxShims"]),
        .target(name: "GravlaxCompiler"),
        .target(name: "GravlaxRuntime", dependencies: ["GravlaxHeap", "GravlaxCompiler", "CGravlaxShims"]),
        // Writers of traces. Reads events, knows no language.
        .target(name: "GravlaxObserve", dependencies: ["GravlaxHeap"]),
        .target(
            name: "Gravlax", dependencies: ["GravlaxRuntime", "GravlaxCompiler", "GravlaxHeap", "GravlaxObserve"]),
        .executableTarget(
            name: "GravlaxCLI",
            dependencies: [
                "Gravlax", "GravlaxRuntime", "GravlaxObserve", "GravlaxCompiler", "GravlaxHeap",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]),
        .testTarget(name: "GravlaxHeapTests", dependencies: ["GravlaxHeap"]),
        // A strict reader of the traces, for the tests of their writer and of the command line.
        .target(name: "TraceFormat", path: "Tests/Support/TraceFormat"),
        .testTarget(name: "GravlaxObserveTests", dependencies: ["GravlaxObserve", "TraceFormat"]),
        .testTarget(name: "GravlaxCompilerTests", dependencies: ["GravlaxCompiler"]),
        .testTarget(name: "GravlaxRuntimeTests", dependencies: ["GravlaxRuntime", "Gravlax"]),
        .testTarget(name: "GravlaxTests", dependencies: ["Gravlax"]),
        .testTarget(name: "ScriptTests", dependencies: ["GravlaxCLI", "TraceFormat"]),
        // What the documents and the examples promise.
        .testTarget(name: "ProjectTests", dependencies: ["GravlaxCLI"]),
    ],
    swiftLanguageModes: [.v6]
)
