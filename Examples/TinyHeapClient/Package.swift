// swift-tools-version: 6.1
import PackageDescription

let package = Package(
    name: "TinyHeapClient",
    dependencies: [.package(name: "gravlax", path: "../..")],
    targets: [
        .executableTarget(
            name: "TinyHeapClient", dependencies: [.product(name: "GravlaxHeap", package: "gravlax")], path: "Sources")
    ],
    swiftLanguageModes: [.v6]
)
