// swift-tools-version: 6.1
import PackageDescription

let package = Package(
    name: "heap-benchmark",
    dependencies: [.package(name: "gravlax", path: "../../..")],
    targets: [
        .executableTarget(
            name: "heap-benchmark", dependencies: [.product(name: "GravlaxHeap", package: "gravlax")], path: "Sources")
    ],
    swiftLanguageModes: [.v6]
)
