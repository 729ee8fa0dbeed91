// swift-tools-version: 6.1
import PackageDescription

let package = Package(
    name: "gravlax",
    products: [
        .executable(name: "gravlax", targets: ["GravlaxCLI"]),
        .library(name: "Gravlax", targets: ["Gravlax"]),
        .library(name: "GravlaxHeap", targets: ["GravlaxHeap"]),
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
        .target(name: "Gravlax", dependencies: ["GravlaxRuntime"]),
        .executableTarget(
            name: "GravlaxCLI",
            dependencies: [
                "Gravlax", "GravlaxRuntime", "GravlaxCompiler", "GravlaxHeap",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]),
        .testTarget(name: "GravlaxHeapTests", dependencies: ["GravlaxHeap"]),
        .testTarget(name: "GravlaxCompilerTests", dependencies: ["GravlaxCompiler"]),
        .testTarget(name: "GravlaxRuntimeTests", dependencies: ["GravlaxRuntime", "Gravlax"]),
        .testTarget(name: "ScriptTests", dependencies: ["GravlaxCLI"]),
        // What the documents and the examples promise.
        .testTarget(name: "ProjectTests", dependencies: ["GravlaxCLI"]),
    ],
    swiftLanguageModes: [.v6]
)
