// The machine code of the interpreter's loop, in an optimised build. A call in it that should have been inlined costs every
// handler its registers, and nothing but time shows it; the compiler stops inlining into a function that has grown.

import Foundation
import Testing

@Suite("The loop's machine code")
struct LoopCodeSuite {
    private static let loop = "$s14GravlaxRuntime7MachineC4loopySbSpyAA5FrameVGF"
    /// What the loop may call: the machine's own slow paths, and these.
    private static let machine = "$s14GravlaxRuntime7MachineC"
    private static let others = ["storeSlow", "objectsAreEqual"]

    /// The disassembler of the Swift toolchain.
    private static let disassembler: String? = {
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
        let swift = folders.lazy.map { URL(fileURLWithPath: "\($0)/swift") }
            .first { FileManager.default.isExecutableFile(atPath: $0.path) }
        let tool = swift?.resolvingSymlinksInPath().deletingLastPathComponent().appendingPathComponent("llvm-objdump").path
        return tool.flatMap { FileManager.default.isExecutableFile(atPath: $0) ? $0 : nil }
    }()

    @Test("calls slow paths only", .enabled(if: Subject.isReleaseBuild && disassembler != nil))
    func calls() throws {
        let outcome = try ChildProcess(
            executable: try #require(Self.disassembler),
            arguments: ["-d", "--no-show-raw-insn", "--disassemble-symbols=\(Self.loop)", Subject.binary]
        ).run()
        let instructions = outcome.outputLines.map { $0.split { $0 == " " || $0 == "\t" } }
        let calls = instructions.filter { $0.count > 2 && ["call", "callq", "bl"].contains($0[1]) }
        #expect(instructions.count > 1000 && calls.count > 30)
        for call in calls {
            let target = call.last ?? ""
            let isSlowPath = target.hasPrefix("<\(Self.machine)") || Self.others.contains { target.contains($0) }
            #expect(isSlowPath, "\(call.joined(separator: " "))")
        }
    }
}
