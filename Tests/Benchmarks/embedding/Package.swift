// swift-tools-version: 6.1
import PackageDescription

let package = Package(
    name: "embedding-benchmark",
    dependencies: [.package(name: "gravlax", path: "../../..")],
    targets: [
        .executableTarget(
            name: "embedding-benchmark", dependencies: [.product(name: "Gravlax", package: "gravlax")], path: "Sources")
    ],
    swiftLanguageModes: [.v6]
)
