// swift-tools-version: 6.1
import PackageDescription

let package = Package(
    name: "Embedding",
    dependencies: [.package(name: "gravlax", path: "../..")],
    targets: [
        .executableTarget(
            name: "Embedding", dependencies: [.product(name: "Gravlax", package: "gravlax")], path: "Sources")
    ],
    swiftLanguageModes: [.v6]
)
