import Foundation

/// Calls `body` with the path of a script of its own, which exists until `body` returns.
func withScript<Result>(_ text: String, _ body: (_ path: String) throws -> Result) throws -> Result {
    let path = NSTemporaryDirectory() + "gravlax-\(UUID().uuidString).lox"
    try Data(text.utf8).write(to: URL(fileURLWithPath: path))
    defer { try? FileManager.default.removeItem(atPath: path) }
    return try body(path)
}
